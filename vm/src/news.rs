//! What somebody who waits is told.

/// Is told what takes time, and what the user should know.
pub type Notice<'a> = &'a mut dyn FnMut(News);

/// What somebody who waits is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News<'a> {
    /// Something to know.
    Note(&'a str),
    /// A job that takes time begins: what is being done.
    Begins(&'a str),
    /// So much of it is done, from 0 to 1; where nothing can be said of that, nothing is.
    Done(f64),
    /// It has come to its end. One that fails has none.
    Ends,
}

impl<'a> News<'a> {
    /// What is said of it in a line, where nobody sees how far it is.
    pub fn line(self) -> Option<&'a str> {
        match self {
            Self::Note(text) | Self::Begins(text) => Some(text),
            Self::Done(_) | Self::Ends => None,
        }
    }
}

/// Prints such lines to the standard error, after the name of the program.
pub fn plainly(program: &str) -> impl FnMut(News) {
    move |news| {
        if let Some(line) = news.line() {
            eprintln!("{program}: {line}");
        }
    }
}
