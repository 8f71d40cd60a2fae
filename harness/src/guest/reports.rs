//! What mdadm says of an array and its members, line by line.

use super::Guest;
use crate::array::Array;
use crate::failure::Class;

/// All lines that are not empty, in the order in which they were printed; of the form `NAME : VALUE` for the most part. Any
/// white space is one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<(String, String)>);

impl Report {
    fn read(text: &str) -> Self {
        let single = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let pairs = lines.map(|line| line.split_once(" : ").unwrap_or((line, "")));
        Self(pairs.map(|(name, value)| (single(name), single(value))).collect())
    }

    /// Every line: its name and its value. A line without a colon is a name without a value.
    pub fn lines(&self) -> &[(String, String)] {
        &self.0
    }
}

impl Guest {
    /// What `mdadm --examine` says of a member.
    pub fn examine(&mut self, member: &str) -> Report {
        Report::read(&self.output(&["mdadm", "--examine", member]))
    }

    /// What `mdadm --examine` says of each of several members or images of them; nothing where it finds no superblock.
    pub fn examine_all(&mut self, members: &[String]) -> Vec<Option<Report>> {
        let mut argv = vec!["mdadm", "--examine"];
        argv.extend(members.iter().map(String::as_str));
        let mut text = String::new();
        self.either_way(|guest| text = guest.output(&argv));
        let of = |member: &String| {
            let (_, report) = text.split_once(&format!("{member}:\n"))?;
            let ends = members.iter().filter_map(|member| report.find(&format!("\n{member}:\n")));
            Some(Report::read(&report[..ends.min().unwrap_or(report.len())]))
        };
        members.iter().map(of).collect()
    }

    /// What `mdadm --examine-badblocks` says of a member.
    pub fn examine_bad_blocks(&mut self, member: &str) -> Report {
        Report::read(&self.output(&["mdadm", "--examine-badblocks", member]))
    }

    /// What `mdadm --detail` says of an array.
    pub fn detail(&mut self, array: &Array) -> Report {
        Report::read(&self.output(&["mdadm", "--detail", array.node()]))
    }

    /// What an attribute of an array reads, `dev-loop0/slot`; nothing if there is none, or it cannot be read.
    pub fn attribute(&mut self, array: &Array, name: &str) -> Option<String> {
        self.observed(&format!("{}/md/{name}", array.name()))
    }

    /// The size of an array, in sectors.
    pub fn size(&mut self, array: &Array) -> u64 {
        let size = self.observed(&format!("{}/size", array.name())).and_then(|size| size.parse().ok());
        let unknown = || self.session.failure(Class::Tool, format!("expected `{}` to have a size", array.node()));
        self.expect(size.ok_or_else(unknown))
    }

    fn observed(&mut self, path: &str) -> Option<String> {
        let outcome = self.session.observe();
        let observation = self.expect(outcome);
        let attribute = observation.attributes.into_iter().find(|attribute| attribute.path == path)?;
        attribute.value.ok().map(|value| value.trim_end().to_owned())
    }

    /// What a command prints on its standard output.
    pub(super) fn output(&mut self, argv: &[&str]) -> String {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let outcome = self.session.run(&argv, None).cloned();
        let command = self.expect(outcome);
        self.judge(&command);
        String::from_utf8_lossy(&command.output.stdout).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn lines_are_names_and_values() {
        let report = Report::read("/dev/loop0:\n          Magic : a92b4efc\n\n  0   7   0  active \n");
        let expected = [("/dev/loop0:", ""), ("Magic", "a92b4efc"), ("0 7 0 active", "")];
        assert_eq!(report.lines(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
