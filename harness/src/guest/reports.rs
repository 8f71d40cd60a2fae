//! What mdadm says of an array and its members, line by line.

use super::Guest;
use crate::array::Array;

/// Lines of the form `NAME : VALUE`, in the order in which they were printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<(String, String)>);

impl Report {
    fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(" : "));
        Self(lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect())
    }

    /// The value of a line.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Guest {
    /// What `mdadm --examine` says of a member.
    pub fn examine(&mut self, member: &str) -> Report {
        Report::read(&self.output(&["mdadm", "--examine", member]))
    }

    /// What `mdadm --detail` says of an array.
    pub fn detail(&mut self, array: &Array) -> Report {
        Report::read(&self.output(&["mdadm", "--detail", array.node()]))
    }

    /// What a command prints on its standard output.
    fn output(&mut self, argv: &[&str]) -> String {
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
        let report = Report::read("/dev/loop0:\n          Magic : a92b4efc\n     Raid Level : raid1\n");
        assert_eq!(report.get("Raid Level"), Some("raid1"));
        assert_eq!(report.get("/dev/loop0:"), None);
    }
}
