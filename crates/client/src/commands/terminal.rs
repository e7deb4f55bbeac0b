//! What commands write to, and how.

use std::fmt;
use std::io::{self, Write};

/// Standard output and standard error, or what stands for them in a test.
pub struct Terminal<'a> {
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
    colors: bool,
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("colors", &self.colors).finish_non_exhaustive()
    }
}

/// What a part of a line is, and so its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Waiting,
    Quiet,
    Strong,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Waiting => "33",
            Self::Quiet => "2",
            Self::Strong => "1",
        }
    }
}

impl<'a> Terminal<'a> {
    /// `colors`: whether `out` shows them, and its user wants them.
    pub fn new(out: &'a mut (dyn Write + Send), err: &'a mut (dyn Write + Send), colors: bool) -> Self {
        Self { out, err, colors }
    }

    /// Turns colors off.
    pub(super) fn plain(&mut self) {
        self.colors = false;
    }

    /// Whether what was written can be written over: where colors are shown.
    pub(super) fn is_live(&self) -> bool {
        self.colors
    }

    /// A text in its color.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        if self.colors { format!("\x1b[{}m{text}\x1b[0m", tone.code()) } else { text.to_owned() }
    }

    /// A line of output. An error means that nobody reads on.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Bytes of output as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// A line about what goes on, beside the output.
    pub(super) fn remark(&mut self, text: &str) {
        // Nobody to tell that nobody listens.
        let _ = writeln!(self.err, "{text}");
    }
}

/// Text from a stranger: characters that could command a terminal become spaces.
pub(super) fn harmless(text: &str) -> String {
    let is_dangerous = |next: char| {
        next.is_control()
            || matches!(next, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|next| if is_dangerous(next) { ' ' } else { next }).collect()
}
