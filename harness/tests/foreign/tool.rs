//! A scenario about a tool that its environment brings.

#[test]
fn runs_a_tool() {
    use mdlab::{Array, Guest, assert_story, mib};

    let mut guest = Guest::fork();
    let array = Array::raid1().on(guest.loops(2, mib(5)));
    guest.given(&array);
    let tool = std::env::var("TOOL").unwrap_or("true".into());
    guest.put("/usr/bin/tool", format!("#!/bin/sh\n{tool}\n").as_bytes());
    guest.trace_nothing();

    guest.step("run", |guest| guest.run("tool"));

    assert_story!(guest);
}
