//! Decoding ahead: a source on a thread of its own behind a bounded channel.
//!
//! Invariants: the same chunks in the same order as without; buffers travel in a circle and are not
//! allocated anew; dropping it ends the thread after the chunk at hand.

use std::mem;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use tapedeck_model::market::Chunk;
use tapedeck_model::port::DataIssues;
use tapedeck_model::{InstrumentIx, Source, SourceError};

enum Message {
    Chunk(Chunk, DataIssues),
    End(Result<[u8; 32], SourceError>, DataIssues),
}

/// A source that is decoded ahead of the one who asks.
pub struct ReadAhead {
    /// `None` once the source is at its end; taken first when dropped, so that the thread sees it.
    full: Option<Receiver<Message>>,
    spent: Sender<Chunk>,
    thread: Option<JoinHandle<()>>,
    content_hash: [u8; 32],
    issues: DataIssues,
}

impl ReadAhead {
    /// Starts decoding `source`, at most `depth` chunks (at least one) ahead.
    pub fn spawn(source: Box<dyn Source>, depth: usize) -> Box<dyn Source> {
        let depth = depth.max(1);
        let (to_player, full) = bounded(depth);
        let (spent, from_player) = bounded(depth + 2);
        let thread = std::thread::spawn(move || decode(source, &to_player, &from_player));
        Box::new(Self { full: Some(full), spent, thread: Some(thread), content_hash: [0; 32], issues: Vec::new() })
    }

    fn end(&mut self) {
        self.full = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has closed the channel and was told as an error already.
            let _ = thread.join();
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.end();
    }
}

fn decode(mut source: Box<dyn Source>, full: &Sender<Message>, spent: &Receiver<Chunk>) {
    loop {
        let mut chunk = spent.try_recv().unwrap_or_else(|_| Chunk::new(InstrumentIx(0)));
        let message = match source.next_chunk(&mut chunk) {
            Ok(true) => Message::Chunk(chunk, source.issues()),
            Ok(false) => Message::End(Ok(source.content_hash()), source.issues()),
            Err(error) => Message::End(Err(error), source.issues()),
        };
        let last = matches!(message, Message::End(..));
        if full.send(message).is_err() || last {
            return;
        }
    }
}

impl Source for ReadAhead {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        let Some(full) = &self.full else { return Ok(false) };
        match full.recv() {
            Ok(Message::Chunk(next, issues)) => {
                self.issues = issues;
                // A full circle means buffers to spare: then this one is given up.
                let _ = self.spent.try_send(mem::replace(chunk, next));
                Ok(true)
            }
            Ok(Message::End(outcome, issues)) => {
                self.issues = issues;
                self.end();
                self.content_hash = outcome?;
                Ok(false)
            }
            Err(_) => {
                self.end();
                let problem = "the decoding thread ended unexpectedly".to_owned();
                Err(SourceError::File { file: "read-ahead".to_owned(), problem })
            }
        }
    }

    fn content_hash(&self) -> [u8; 32] {
        self.content_hash
    }

    fn issues(&self) -> DataIssues {
        self.issues.clone()
    }
}
