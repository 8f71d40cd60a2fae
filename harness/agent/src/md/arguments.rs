//! The words of a command line, option by option.

use std::ffi::OsString;
use std::str::FromStr;

use super::trouble::Trouble;

/// What is left of a subcommand's words.
pub(super) struct Arguments {
    parser: lexopt::Parser,
    subcommand: &'static str,
}

/// The next of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// An option with its dashes.
    Option(String),
    /// Anything else.
    Word(String),
}

impl Arguments {
    pub(super) fn new(subcommand: &'static str, words: impl IntoIterator<Item = String>) -> Self {
        Self { parser: lexopt::Parser::from_args(words.into_iter().map(OsString::from)), subcommand }
    }

    /// The next option or word; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Argument>, Trouble> {
        let next = match self.parser.next() {
            Ok(None) => return Ok(None),
            Ok(Some(lexopt::Arg::Long(name))) => Ok(Argument::Option(format!("--{name}"))),
            Ok(Some(lexopt::Arg::Short(name))) => Ok(Argument::Option(format!("-{name}"))),
            Ok(Some(lexopt::Arg::Value(word))) => Ok(Argument::Word(word.to_string_lossy().into_owned())),
            Err(error) => Err(error.to_string()),
        };
        next.map(Some).map_err(|cause| self.wrong(cause))
    }

    /// The value of the option that was just returned.
    pub(super) fn value(&mut self, option: &str) -> Result<String, Trouble> {
        let value = self.parser.value().map(|value| value.to_string_lossy().into_owned());
        value.map_err(|_| {
            Trouble::usage(format!("parse `{option}`"), "it has no value", format!("write `{option} VALUE`"))
        })
    }

    /// As [`value`](Self::value), for one that is a number.
    pub(super) fn number<T: FromStr>(&mut self, option: &str) -> Result<T, Trouble> {
        let value = self.value(option)?;
        let wrong = || {
            Trouble::usage(
                format!("parse `{option} {value}`"),
                "it is no number, or out of range",
                "give a decimal number",
            )
        };
        value.parse().map_err(|_| wrong())
    }

    /// The subcommand has no such option.
    pub(super) fn unknown(&self, option: &str) -> Trouble {
        Trouble::usage(
            format!("parse `{option}`"),
            format!("`md {}` has no such option", self.subcommand),
            "`md help` lists them",
        )
    }

    /// The words do not fit.
    pub(super) fn wrong(&self, cause: impl Into<String>) -> Trouble {
        Trouble::usage(format!("run `{}`", self.subcommand), cause, "`md help` shows how")
    }

    /// All the words, which must be these and no options.
    pub(super) fn exactly<const N: usize>(mut self, names: [&str; N]) -> Result<[String; N], Trouble> {
        let words = self.words()?;
        words.try_into().map_err(|words: Vec<_>| {
            let expected = if N == 0 { "nothing".to_owned() } else { names.join(" ") };
            self.wrong(format!("expected {expected}, got {} words", words.len()))
        })
    }

    /// All the words, without an option among them.
    pub(super) fn words(&mut self) -> Result<Vec<String>, Trouble> {
        let mut words = Vec::new();
        while let Some(next) = self.next()? {
            match next {
                Argument::Word(word) => words.push(word),
                Argument::Option(option) => return Err(self.unknown(&option)),
            }
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::new("stop", line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_and_words_come_in_order() {
        let mut arguments = arguments("/dev/md0 --size 7 -x");
        assert_eq!(arguments.next().unwrap(), Some(Argument::Word("/dev/md0".into())));
        assert_eq!(arguments.next().unwrap(), Some(Argument::Option("--size".into())));
        assert_eq!(arguments.number::<u64>("--size").unwrap(), 7);
        assert_eq!(arguments.next().unwrap(), Some(Argument::Option("-x".into())));
        assert_eq!(
            arguments.unknown("-x").to_string(),
            "parse `-x`: `md stop` has no such option; `md help` lists them"
        );
        assert_eq!(arguments.next().unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = arguments("a b").exactly(["NODE"]).unwrap_err();
        assert_eq!(error.to_string(), "run `stop`: expected NODE, got 2 words; `md help` shows how");
        let mut missing = arguments("--size");
        missing.next().unwrap();
        assert_eq!(
            missing.value("--size").unwrap_err().to_string(),
            "parse `--size`: it has no value; write `--size VALUE`"
        );
        let mut text = arguments("--size=ten");
        text.next().unwrap();
        assert_eq!(text.number::<u64>("--size").unwrap_err().status(), 2);
    }
}
