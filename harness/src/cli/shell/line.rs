//! What a line means that somebody types.

use crate::channel::Channel;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    Nothing,
    Quit,
    Help,
    Story,
    Show(Channel),
    Wait,
    /// Commands run elsewhere from now on: in the folder that this command names, or where they did at first.
    Folder(Option<Vec<String>>),
    Run(Vec<String>),
}

/// What only a shell understands (dash(1)): operators, expansions, and words of its own.
const OPERATORS: &str = "|&;<>()$`*?[]~#{}!\n";
const WORDS: &str = ". : [ alias bg case command echo eval exec exit export fg for getopts hash if jobs kill local printf pwd read \
    readonly return set shift test times trap type ulimit umask unalias unset until wait while";

impl Line {
    /// Reads a line; `folder` is where commands run.
    pub(super) fn read(typed: &str, folder: Option<&str>) -> Result<Self, String> {
        let typed = typed.trim();
        let words = shell_words::split(typed).map_err(|error| format!("split `{typed}` into words: {error}"))?;
        Ok(match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Self::Nothing,
            [".quit" | "exit"] => Self::Quit,
            [".help"] => Self::Help,
            [".story"] => Self::Story,
            [".wait"] => Self::Wait,
            ["cd"] => Self::Folder(None),
            ["cd", ..] => {
                let from = folder.unwrap_or("/");
                Self::Folder(Some(vec![
                    "sh".into(),
                    "-c".into(),
                    format!("cd {} && {typed} && pwd", shell_words::quote(from)),
                ]))
            }
            [word] if word.starts_with('.') && word.len() > 1 && !word.contains('/') => {
                let channel = Channel::ALL.into_iter().find(|channel| channel.name() == &word[1..]);
                Self::Show(
                    channel.ok_or_else(|| format!("`{word}` is nothing that this shell knows: .help lists what is"))?,
                )
            }
            [first, ..] => {
                let own = first.contains('=')
                    || WORDS.split_whitespace().any(|word| word == first)
                    || typed.contains(|c| OPERATORS.contains(c));
                match (own, folder) {
                    (false, None) => Self::Run(words),
                    (_, folder) => {
                        let folder = folder.map(|folder| format!("cd {} && ", shell_words::quote(folder)));
                        Self::Run(["sh".into(), "-c".into(), folder.unwrap_or_default() + typed].into())
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<Line, String> {
        Ok(Line::Run(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    #[test]
    fn a_shell_runs_what_only_a_shell_understands() {
        let plain = "mdadm --create /dev/md0 --level=1 '-n 2'";
        assert_eq!(Line::read(plain, None), run(&["mdadm", "--create", "/dev/md0", "--level=1", "-n 2"]));
        for typed in ["cat /proc/mdstat | head -1", "x=1 ls", "for i in 1 2; do echo $i; done", "echo $((1 + 1))"] {
            assert_eq!(Line::read(typed, None), run(&["sh", "-c", typed]));
        }
        assert_eq!(Line::read("ls md", Some("/sys/block")), run(&["sh", "-c", "cd /sys/block && ls md"]));
    }

    #[test]
    fn other_lines_are_the_shell_s_own() {
        assert_eq!(Line::read("  ", None), Ok(Line::Nothing));
        assert_eq!(Line::read(".dmesg", None), Ok(Line::Show(Channel::Dmesg)));
        let cd = |command: &str| Ok(Line::Folder(Some(["sh", "-c", command].map(str::to_owned).into())));
        assert_eq!(Line::read("cd md", Some("/sys/block/md 0")), cd("cd '/sys/block/md 0' && cd md && pwd"));
        assert_eq!(Line::read("cd ~", None), cd("cd / && cd ~ && pwd"));
        assert_eq!(Line::read("cd", Some("/sys")), Ok(Line::Folder(None)));
        assert!(Line::read(".sories", None).is_err_and(|why| why.contains(".help")));
        assert!(Line::read("echo 'open", None).is_err());
    }
}
