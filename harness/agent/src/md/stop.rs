//! `md stop`: ends an array.

use super::Verdict;
use super::arguments::Arguments;
use super::array::Array;
use super::trouble::Trouble;

pub(super) fn run(arguments: Arguments) -> Result<Verdict, Trouble> {
    let [node] = arguments.exactly(["NODE"])?;
    Array::open(&node)?.stop_array()?;
    Ok(Verdict::Good)
}
