//! What to run on: a kernel, a tool, an acceleration, a seed.

use mdlab_vm::{AccelChoice, KernelSource, Suite};

use crate::failure::Failure;
use crate::tool::ToolSource;

/// The suite of the kernel and the tool where nothing else is asked for.
pub(crate) const DEFAULT_SUITE: &str = "bookworm";

/// What to run on. Every field has an environment variable, so that a scenario runs on any machine unchanged.
#[derive(Clone, Debug)]
pub struct Choice {
    /// `MDLAB_KERNEL`.
    pub kernel: KernelSource,
    /// `MDLAB_MDADM`.
    pub tool: ToolSource,
    /// `MDLAB_ACCEL`.
    pub accel: AccelChoice,
    /// `MDLAB_SEED`: goes into the guest's random pool, and disturbs who runs when.
    pub seed: Option<u64>,
}

impl Choice {
    /// The choice of the environment; a kernel of Debian's brings its own suite's mdadm unless another is asked for.
    pub fn from_environment() -> Result<Self, Failure> {
        Self::new(
            variable("MDLAB_KERNEL", str::parse)?,
            variable("MDLAB_MDADM", str::parse)?,
            variable("MDLAB_ACCEL", str::parse)?,
            variable("MDLAB_SEED", seed)?,
        )
    }

    /// A choice whose missing parts are the defaults.
    pub fn new(
        kernel: Option<KernelSource>,
        tool: Option<ToolSource>,
        accel: Option<AccelChoice>,
        seed: Option<u64>,
    ) -> Result<Self, Failure> {
        let suite = DEFAULT_SUITE.parse::<Suite>().map_err(Failure::usage)?;
        let kernel = kernel.unwrap_or(KernelSource::Debian(suite.clone()));
        let tool = tool.unwrap_or_else(|| match &kernel {
            KernelSource::Debian(suite) => ToolSource::Debian(suite.user_space()),
            KernelSource::File { .. } | KernelSource::Tree(_) | KernelSource::Host => ToolSource::Debian(suite),
        });
        let absolute = || Ok((kernel.absolute()?, tool.absolute()?));
        let (kernel, tool) =
            absolute().map_err(|error: std::io::Error| Failure::usage(format!("find the current folder: {error}")))?;
        Ok(Self { kernel, tool, accel: accel.unwrap_or_default(), seed })
    }

    /// The options of the command line that make this choice.
    pub fn options(&self) -> String {
        let [kernel, tool] = [self.kernel.to_string(), self.tool.to_string()];
        let mut text = format!("--kernel {} --mdadm {}", shell_words::quote(&kernel), shell_words::quote(&tool));
        if self.accel != AccelChoice::default() {
            text.push_str(&format!(" --accel {}", self.accel));
        }
        if let Some(seed) = self.seed {
            text.push_str(&format!(" --seed {seed}"));
        }
        text
    }
}

/// A seed as it is named on a command line.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected a seed from 0 to {}, got `{text}`", u64::MAX))
}

fn variable<T, E: std::fmt::Display>(name: &str, read: fn(&str) -> Result<T, E>) -> Result<Option<T>, Failure> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => {
            read(&text).map(Some).map_err(|error| Failure::usage(format!("read the variable {name}: {error}")))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_can_be_pasted_into_a_shell() {
        let kernel = "tree:/my kernels/linux".parse().unwrap();
        let choice = Choice::new(Some(kernel), None, None, Some(3)).unwrap();
        assert_eq!(choice.options(), "--kernel 'tree:/my kernels/linux' --mdadm debian:bookworm --seed 3");
    }
}
