//! What can be wrong with data on disk, with what to do about it.

use std::path::{Path, PathBuf};

use tapedeck_model::{SourceError, Ts};
use thiserror::Error;

/// Why data cannot be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A path, folder or pattern names no data.
    #[error("`{pattern}` names no file of data{}; check the path", looked_in(base))]
    NoFiles {
        /// As it was given.
        pattern: String,
        /// The folder that relative paths start from.
        base: PathBuf,
    },
    /// A pattern is not a glob.
    #[error("`{pattern}` is not a file pattern: {problem}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not of its format, or its ending says nothing.
    #[error("{}: {problem}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is wrong, what was expected, what to do.
        problem: String,
    },
    /// A column is missing, ambiguous or of a type that cannot be used.
    #[error("{}: {problem}; columns found: {found}", file.display())]
    Columns {
        /// The file.
        file: PathBuf,
        /// What is wrong, what was expected, what to do.
        problem: String,
        /// The columns of the file.
        found: String,
    },
    /// Bars have no column of their volume, and it is needed.
    #[error(
        "{}: there is no column for `volume` (known names: volume, vol, v); \
         name it with `columns = {{ volume = \"...\" }}`; columns found: {found}",
        file.display()
    )]
    NoVolume {
        /// The file.
        file: PathBuf,
        /// The columns of the file.
        found: String,
    },
    /// What was asked for makes no sense.
    #[error("data `{name}`: {problem}")]
    Spec {
        /// Name of the data.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// There is not one row.
    #[error("data `{name}`: there are no rows in {files} files; check the path")]
    Empty {
        /// Name of the data.
        name: String,
        /// How many files there are.
        files: usize,
    },
    /// Two files begin at the same time.
    #[error("{} and {} overlap: both begin at {at}; name only one of them", first.display(), second.display())]
    Overlap {
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
        /// Where both begin.
        at: String,
    },
    /// The catalog and an import tell different things of one instant.
    #[error(
        "{}: of {at} the catalog has {there}, the import has {new}; nothing was changed; \
         `--on-conflict keep` or `--on-conflict replace` says which one is right",
        file.display()
    )]
    Conflict {
        /// The file of the day.
        file: PathBuf,
        /// The instant; open time of a bar.
        at: Ts,
        /// What the catalog has.
        there: String,
        /// What is imported.
        new: String,
    },
    /// Two files of a day tell different things of one instant.
    #[error(
        "{}: of {at} one file has {first}, another has {second}; nothing was changed; `--on-conflict keep` lets the file \
         that comes first by its name count, `--on-conflict replace` the one that comes last",
        folder.display()
    )]
    Disagree {
        /// The folder of the day.
        folder: PathBuf,
        /// The instant; open time of a bar.
        at: Ts,
        /// What the one has.
        first: String,
        /// What the other has.
        second: String,
    },
    /// Rows of a day cannot be put into one file with those of the catalog.
    #[error("{}: {problem}; nothing was changed; import into another folder", file.display())]
    Mixed {
        /// The file of the day.
        file: PathBuf,
        /// How they differ.
        problem: String,
    },
    /// A day has several files, so nobody can say which one an import shall be merged with.
    #[error("{}: the day has {files} files; make one of them with `sim data compact`", folder.display())]
    SeveralFiles {
        /// The folder of the day.
        folder: PathBuf,
        /// How many there are.
        files: usize,
    },
    /// A catalog does not have a series.
    #[error("the catalog {} has no {wanted}; it has {}", root.display(), listed(known))]
    NoSeries {
        /// The catalog's folder.
        root: PathBuf,
        /// The series.
        wanted: String,
        /// All that it has.
        known: Vec<String>,
    },
    /// A series has nothing in the period that is wanted.
    #[error("the catalog {} has no {series} in this period; it has days from {first} to {last}", root.display())]
    NoDays {
        /// The catalog's folder.
        root: PathBuf,
        /// The series.
        series: String,
        /// Its first day.
        first: Ts,
        /// Its last day.
        last: Ts,
    },
    /// Somebody else writes into the catalog.
    #[error("{} is being written {owner}; wait until that ends", root.display())]
    Locked {
        /// The catalog's folder.
        root: PathBuf,
        /// Who writes, where, what and since when.
        owner: String,
    },
    /// A line of a recording is wrong.
    #[error("{}, line {line}: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// Whoever asked for it wanted it to stop.
    #[error("stopped")]
    Stopped,
    /// A row is wrong.
    #[error(transparent)]
    Data(#[from] SourceError),
}

/// What can be wrong with a line of a recording.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// It does not begin with a time.
    #[error("it begins with `{found}`; expected the local time in Unix nanoseconds (19 digits) and a space")]
    LocalTime {
        /// How it begins.
        found: String,
    },
    /// It does not begin with a time in seconds, nor with an address and one.
    #[error("it begins with `{found}`; expected the local time in Unix seconds, a colon and a message")]
    LocalSeconds {
        /// How it begins.
        found: String,
    },
    /// The book is not what the exchange says it is.
    #[error("the book's checksum is {found}, expected {expected}: the book before it is wrong; `skip` tells a gap")]
    Checksum {
        /// Of the book that the messages give.
        found: u32,
        /// What the message says.
        expected: u32,
    },
    /// It was received before the line before.
    #[error("the local time goes back: {found} after {before}")]
    LocalTimeBack {
        /// Its time.
        found: Ts,
        /// The time of the line before.
        before: Ts,
    },
    /// Its message is none that we know.
    #[error("the message cannot be read: {0}")]
    Message(serde_json::Error),
    /// It cannot be read to its end.
    #[error("the recording breaks off: {0}")]
    BrokenOff(std::io::Error),
    /// It is about something else.
    #[error("the message is of `{found}`, expected `{expected}`; record symbols apart")]
    Symbol {
        /// Whose message it is.
        found: String,
        /// Whose data are imported.
        expected: String,
    },
    /// A number cannot be used.
    #[error("`{field}` is {value}: {problem}")]
    Value {
        /// The exchange's name of the field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It happened before what was told last.
    #[error("the event time goes back: {found} after {before}; `repair` raises it, `skip` leaves the message out")]
    EventTimeBack {
        /// Its time.
        found: Ts,
        /// The time of the message of this kind before.
        before: Ts,
    },
}

impl CatalogError {
    pub(crate) fn io(file: &Path, source: std::io::Error) -> Self {
        Self::Io { file: file.to_owned(), source }
    }

    pub(crate) fn format(file: &Path, problem: impl ToString) -> Self {
        Self::Format { file: file.to_owned(), problem: problem.to_string() }
    }
}

/// Some of what there is.
fn listed(known: &[String]) -> String {
    const QUOTED: usize = 12;
    let quoted = known.iter().take(QUOTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => "nothing".to_owned(),
        count if count > QUOTED => format!("{quoted} and {} more (`sim data ls`)", count - QUOTED),
        _ => quoted,
    }
}

/// Where a relative path was looked for; nothing where that is the working directory.
fn looked_in(base: &Path) -> String {
    if base.as_os_str().is_empty() { String::new() } else { format!(" (looked in {})", base.display()) }
}
