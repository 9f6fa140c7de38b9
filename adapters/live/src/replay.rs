//! A recorded session through the kernel again.

use std::io::Read;

use tapedeck_journal::{Fingerprint, InputReader, InputRecord, Sealer};
use tapedeck_kernel::run::{Core, TimerWish};
use tapedeck_model::Command;

use crate::LiveError;
use crate::driver::step;

/// What a replay gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayOutcome {
    /// Fingerprint of the journal.
    pub fingerprint: Fingerprint,
    /// Commands that the log says were sent.
    pub recorded: Vec<Command>,
    /// Commands that the kernel wanted sent this time.
    pub replayed: Vec<Command>,
}

/// Feeds a log of inputs through a machine at rest, which must be built as the live one was.
///
/// # Errors
/// [`LiveError`]: a damaged log, or a kernel that refuses to go on.
pub fn replay(mut core: Core, log: impl Read) -> Result<ReplayOutcome, LiveError> {
    let mut reader = InputReader::new(log);
    let mut sealer = Sealer::new();
    let mut bytes = Vec::new();
    let (mut recorded, mut replayed) = (Vec::new(), Vec::new());
    let mut timers: Vec<TimerWish> = Vec::new();
    let mut stopped = false;
    core.begin_run()?;
    while let Some(entry) = reader.next_record()? {
        if let InputRecord::Command { command, .. } = entry.record {
            recorded.push(command);
        }
        if stopped {
            // Inputs that were received together are on record before the commands that they led to, so those
            // of inputs before the stop may stand behind it. What else stands there was not acted on.
            continue;
        }
        let stop = step(&mut core, entry.header.ts, &entry.record)?;
        core.take_commands(&mut replayed);
        // Timers are inputs of the log: what the kernel wishes for now went off then.
        core.take_timers(&mut timers);
        timers.clear();
        while let Some(frame) = core.take_frame() {
            bytes.clear();
            sealer.seal(&frame, &mut bytes);
            core.recycle(frame);
        }
        stopped = stop || core.wants_stop();
    }
    core.end_run(&[], 0)?;
    while let Some(frame) = core.take_frame() {
        bytes.clear();
        sealer.seal(&frame, &mut bytes);
    }
    sealer.seal(&core.last_frame(), &mut bytes);
    Ok(ReplayOutcome { fingerprint: sealer.fingerprint(), recorded, replayed })
}
