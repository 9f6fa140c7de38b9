//! The lines of all files of a session, in the order of their local times.
//!
//! `SECONDS: MESSAGE` is what came over the wire, `URL -> SECONDS: ANSWER` the answer to a request, `URL <- SECONDS:
//! MESSAGE` what was sent, `URL <-> SECONDS` a connection that was opened.

use std::path::{Path, PathBuf};

use crate::error::{CatalogError, LineProblem};
use crate::recording::Lines;

/// Digits of a Unix time in seconds, from 2001 to 2286.
const SECOND_DIGITS: usize = 10;
/// Decimals of a second that nanoseconds hold.
const NANO_DIGITS: usize = 9;
/// Characters of a line that are shown where it cannot be read.
const SHOWN: usize = 24;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A message that was received.
    Received,
    /// An answer to a request.
    Answer,
    /// A connection that was opened.
    Opened,
    /// A message that was sent.
    Sent,
}

/// A line of one of the files.
#[derive(Debug)]
pub(super) struct Line {
    /// Which file, in the order in which they were given.
    pub(super) file: usize,
    /// Its number in that file, from 1.
    pub(super) number: u64,
    /// Its place among the lines of all files, from 1.
    pub(super) place: u64,
    /// Nanoseconds; of a line that cannot be read that of the line before.
    pub(super) local: i64,
    text: String,
    /// Where the message begins.
    body: usize,
}

impl Line {
    /// The message.
    pub(super) fn body(&self) -> &str {
        self.text.get(self.body..).unwrap_or_default()
    }

    /// The address that was asked, if it is an answer.
    pub(super) fn url(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }
}

/// A line, and what it is, or why it cannot be read.
type Outcome = (Line, Result<Head, LineProblem>);

/// The lines of several files.
pub(super) struct Merged {
    files: Vec<(Lines, Option<Outcome>)>,
    places: u64,
}

impl Merged {
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, CatalogError> {
        let mut files = Vec::with_capacity(paths.len());
        for (file, path) in paths.iter().enumerate() {
            let mut lines = Lines::open(path)?;
            let first = read(&mut lines, file, i64::MIN);
            files.push((lines, first));
        }
        Ok(Self { files, places: 0 })
    }

    /// The next line: of equal times that of the first file.
    pub(super) fn next(&mut self) -> Option<Outcome> {
        let waiting = self.files.iter_mut().filter(|(_, next)| next.is_some());
        let (lines, next) = waiting.min_by_key(|(_, next)| next.as_ref().map(|(line, _)| line.local))?;
        let (mut line, head) = next.take()?;
        *next = read(lines, line.file, line.local);
        self.places += 1;
        line.place = self.places;
        Some((line, head))
    }

    /// Lines read so far of each file, blank ones included.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.files.iter().map(|(lines, _)| lines.number())
    }

    pub(super) fn path(&self, file: usize) -> &Path {
        self.files.get(file).map_or(Path::new(""), |(lines, _)| lines.path())
    }
}

fn read(lines: &mut Lines, file: usize, before: i64) -> Option<Outcome> {
    let (number, outcome) =
        lines.next(|text| split(text).map(|(local, head, body)| (local, (head, body, text.to_owned()))))?;
    let (local, head, body, text) = match outcome {
        Ok((local, (head, body, text))) => (local, Ok(head), body, text),
        Err(problem) => (before, Err(problem), 0, String::new()),
    };
    Some((Line { file, number, place: 0, local, text, body }, head))
}

/// Local time and kind of a line, and where its message begins.
fn split(text: &str) -> Result<(i64, Head, usize), LineProblem> {
    let words = || {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Some((Head::Received, text));
        }
        let (_, rest) = text.split_once(' ')?;
        let (arrow, rest) = rest.split_once(' ')?;
        let head = match arrow {
            "->" => Head::Answer,
            "<-" => Head::Sent,
            "<->" => Head::Opened,
            _ => return None,
        };
        Some((head, rest))
    };
    let timed = || {
        let (head, rest) = words()?;
        let (local, body) = match head {
            Head::Opened => (rest, ""),
            Head::Received | Head::Answer | Head::Sent => rest.split_once(": ")?,
        };
        Some((seconds(local)?, head, text.len() - body.len()))
    };
    timed().ok_or_else(|| LineProblem::LocalSeconds { found: text.chars().take(SHOWN).collect() })
}

/// Nanoseconds of a Unix time in seconds with decimals.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != SECOND_DIGITS || decimals.len() > NANO_DIGITS || !are_digits(whole) || !are_digits(decimals) {
        return None;
    }
    format!("{whole}{decimals:0<NANO_DIGITS$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_they_are() {
        let second = 1_626_992_741_000_000_000_i64;
        for (text, local, head, body) in [
            ("1626992741.06217: {\"a\":1}", second + 62_170_000, Head::Received, "{\"a\":1}"),
            ("https://x/d?symbol=A&b -> 1626992741.3: {}", second + 300_000_000, Head::Answer, "{}"),
            ("wss://x <-> 1626992741.000000001", second + 1, Head::Opened, ""),
            ("wss://x <- 1626992741: {\"a\": 1}", second, Head::Sent, "{\"a\": 1}"),
        ] {
            let (found, kind, at) = split(text).unwrap();
            assert_eq!((found, kind, &text[at..]), (local, head, body));
        }
        for bad in ["", "1626992741", "1626992741.1 {}", "162699274.1: {}", "1626992741.0000000001: {}", "é -> x"] {
            assert!(matches!(split(bad), Err(LineProblem::LocalSeconds { .. })), "{bad}");
        }
    }
}
