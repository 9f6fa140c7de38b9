//! The journal's way to disk: frames over a bounded channel to a thread that seals them, writes them
//! and folds them into the tables.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use tapedeck_journal::{Defect, Fingerprint, RawFrame, Sealer};
use tapedeck_kernel::drive::JournalSink;
use tapedeck_reports::{FilledTables, ReportError, RunFacts, TableOptions, TableWriter};
use thiserror::Error;

/// Frames under way between the kernel and the writer.
const FRAMES_UNDER_WAY: usize = 32;

/// Why the journal or its tables could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The file system refused.
    #[error("cannot write {file}: {source}")]
    Io {
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A frame does not hold what it was made of: a bug.
    #[error("a journal frame cannot be decoded: {0}")]
    Defect(#[from] Defect),
    /// The tables could not be written.
    #[error(transparent)]
    Tables(#[from] ReportError),
}

/// What was written.
pub struct Written {
    /// The run's fingerprint.
    pub fingerprint: Fingerprint,
    /// Length of the journal.
    pub bytes: u64,
    /// What was gathered on the way.
    pub facts: RunFacts,
}

/// The kernel's end of the channel.
pub struct ChannelSink<'a> {
    frames: Sender<RawFrame>,
    spent: Receiver<RawFrame>,
    stop: &'a AtomicBool,
}

impl JournalSink for ChannelSink<'_> {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        if self.frames.send(frame).is_err() {
            // The writer failed and says so itself: there is no point in going on.
            self.stop.store(true, Ordering::Relaxed);
        }
        self.spent.try_recv().ok()
    }
}

/// The writer's end of the channel.
pub struct FrameQueue {
    frames: Receiver<RawFrame>,
    spent: Sender<RawFrame>,
}

/// Both ends; `stop` is set when the writer is gone.
pub fn channel(stop: &AtomicBool) -> (ChannelSink<'_>, FrameQueue) {
    let (frames_in, frames) = bounded(FRAMES_UNDER_WAY);
    let (spent, spent_out) = bounded(FRAMES_UNDER_WAY);
    (ChannelSink { frames: frames_in, spent: spent_out, stop }, FrameQueue { frames, spent })
}

/// Seals, writes and folds every frame until the kernel hangs up. The tables are still to be closed.
///
/// # Errors
/// [`WriteError`].
pub fn write_all(
    queue: FrameQueue,
    folder: &Path,
    options: TableOptions,
) -> Result<(Written, FilledTables), WriteError> {
    let path = folder.join("journal.bin");
    let io = |source| WriteError::Io { file: path.display().to_string(), source };
    let mut file = File::create(&path).map_err(io)?;
    let mut tables = TableWriter::new(folder, options)?;
    let (mut sealer, mut sealed) = (Sealer::new(), Vec::new());
    for frame in &queue.frames {
        sealed.clear();
        sealer.seal(&frame, &mut sealed);
        file.write_all(&sealed).map_err(io)?;
        frame.visit(|record| tables.push(record).map_err(WriteError::from))?;
        // A full channel only means that the kernel has enough buffers.
        let _ = queue.spent.try_send(frame);
    }
    let (facts, tables) = tables.end()?;
    Ok((Written { fingerprint: sealer.fingerprint(), bytes: sealer.bytes(), facts }, tables))
}
