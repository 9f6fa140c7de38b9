//! Progress for a person at a terminal, on standard error.
//!
//! A thread of its own looks at the [`Meter`] a few times a second, so that a run pays nothing for
//! being watched, and no thread is started when nobody watches.

use std::io::IsTerminal as _;
use std::thread::Scope;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::assemble::Meter;

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is.
    Shown,
    /// It is not.
    Hidden,
}

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// While this is kept, progress is shown.
pub struct Shown {
    _hangs_up: Sender<()>,
}

impl Progress {
    /// Shown if standard error is a terminal.
    pub fn on_terminal() -> Self {
        if std::io::stderr().is_terminal() { Self::Shown } else { Self::Hidden }
    }

    /// Shows `meter` until the answer is dropped.
    pub fn show<'scope>(self, scope: &'scope Scope<'scope, '_>, meter: &'scope Meter) -> Option<Shown> {
        if self == Self::Hidden {
            return None;
        }
        let (hangs_up, hung_up) = bounded::<()>(0);
        scope.spawn(move || {
            let bar = ProgressBar::new_spinner().with_style(style());
            while hung_up.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let Some(time) = meter.tape_time() else { continue };
                let records = meter.records();
                let rate = records as f64 / bar.elapsed().as_secs_f64();
                bar.set_message(format!("{time}  {} records, {}/s", HumanCount(records), HumanCount(rate as u64)));
                bar.tick();
            }
            bar.finish_and_clear();
        });
        Some(Shown { _hangs_up: hangs_up })
    }
}

fn style() -> ProgressStyle {
    // A template that is wrong shows the plain spinner: no reason to end a run.
    ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}
