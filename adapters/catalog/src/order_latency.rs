//! Recordings of how long orders took: when each was sent, when the venue had it, when we had the answer.
//!
//! Enters: a Parquet or CSV file. Leaves: samples by time of sending, with a hash of the file. Invariants:
//! times are nanoseconds; a venue's time that is zero, negative or missing is an order that the venue
//! refused without looking at it. Deliberately absent: what a model makes of them.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use arrow_array::Array;
use tapedeck_model::Ts;
use tapedeck_model::port::LatencySample;

use crate::cells::time_reader;
use crate::decode::batches_of;
use crate::error::CatalogError;
use crate::hash::hash_files;
use crate::spec::TimeUnit;

/// Our names of the columns, with those that others use.
const SENT: &[&str] = &["sent", "order_sent", "req_ts"];
const VENUE: &[&str] = &["venue", "venue_received", "exch_ts"];
const RECEIVED: &[&str] = &["received", "ack_received", "resp_ts"];

/// Reads a recording: columns `sent` (or `order_sent`, `req_ts`), `venue` (`venue_received`, `exch_ts`) and
/// `received` (`ack_received`, `resp_ts`), as timestamps or as nanoseconds since 1970. The hash is
/// BLAKE3 of the file's own BLAKE3.
///
/// # Errors
/// [`CatalogError`] for a file that cannot be read, lacks a column or has a time that makes no sense.
pub fn read_order_latency(path: &Path) -> Result<(Vec<LatencySample>, [u8; 32]), CatalogError> {
    let refuse = |problem: String| CatalogError::format(path, problem);
    let mut samples: Vec<LatencySample> = Vec::new();
    batches_of(path, &[SENT, VENUE, RECEIVED], |columns| {
        let [sent, venue, received] = columns else { return Err(refuse("it lacks a column".to_owned())) };
        let read = |column: &dyn Array, row: usize, name: &str| {
            let nanos = if column.is_null(row) { None } else { time_reader(column, Some(TimeUnit::Nanos))(row).ok() };
            nanos.map(Ts::from_nanos).ok_or_else(|| refuse(format!("row {}: `{name}` is no time", row + 1)))
        };
        for row in 0..sent.len() {
            let (sent, answered) = (read(sent.as_ref(), row, "sent")?, read(received.as_ref(), row, "received")?);
            let venue = if venue.is_null(row) { Ts::from_nanos(0) } else { read(venue.as_ref(), row, "venue")? };
            let at_venue = (venue > Ts::from_nanos(0)).then_some(venue);
            samples.push(LatencySample { sent, at_venue, answered });
        }
        Ok(())
    })?;
    if samples.is_empty() {
        return Err(refuse("it has no rows".to_owned()));
    }
    samples.sort_by_key(|sample| (sample.sent, sample.answered));
    let hash = hash_files(&[path.to_owned()], &AtomicBool::new(false)).map_err(refuse)?;
    Ok((samples, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_whatever_the_order_and_names_of_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        std::fs::write(&path, "exch_ts,req_ts,resp_ts\n0,30,90\n15,10,20\n,40,44\n").unwrap();
        let (samples, hash) = read_order_latency(&path).unwrap();
        let times =
            |sample: &LatencySample| (sample.sent.nanos(), sample.at_venue.map(Ts::nanos), sample.answered.nanos());
        assert_eq!(samples.iter().map(times).collect::<Vec<_>>(), [(10, Some(15), 20), (30, None, 90), (40, None, 44)]);
        assert_ne!(hash, [0; 32]);
        std::fs::write(&path, "exch_ts,req_ts\n15,10\n").unwrap();
        let error = read_order_latency(&path).unwrap_err().to_string();
        assert!(error.contains("`received`"), "{error}");
        std::fs::write(&path, "venue,sent,received\n15,soon,20\n").unwrap();
        let error = read_order_latency(&path).unwrap_err().to_string();
        assert!(error.contains("row 1: `sent` is no time"), "{error}");
    }
}
