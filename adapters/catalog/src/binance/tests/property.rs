//! Whatever is lost of a recording, and whenever snapshots come: a book that is believed is the true one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tapedeck_model::book::Book;
use tapedeck_model::market::DepthFlags;

use super::*;

/// The bids after each update, by price.
type Bids = BTreeMap<i64, i64>;

/// What happens next at the exchange, and whether the recorder sees it.
#[derive(Debug, Clone)]
struct Step {
    /// Price and quantity of each change.
    changes: Vec<(i64, i64)>,
    /// Numbers that other symbols use up before it.
    foreign: u64,
    lost: bool,
    /// A snapshot comes after it, of the book some updates ago.
    snapshot: Option<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let changes = prop::collection::vec((1..8_i64, 0..4_i64), 0..4);
    let snapshot = prop::option::weighted(0.15, 0..4_usize);
    (changes, 0..3_u64, prop::bool::weighted(0.1), snapshot).prop_map(|(changes, foreign, lost, snapshot)| Step {
        changes,
        foreign,
        lost,
        snapshot,
    })
}

/// The recording of `steps`, and the true bids after each. Update `n` happens in millisecond `n`.
fn played(steps: &[Step], is_spot: bool) -> (String, Vec<Bids>) {
    let (mut text, mut bids, mut last) = (String::new(), Bids::new(), 0);
    let (mut truth, mut lasts): (Vec<Bids>, Vec<u64>) = (Vec::new(), Vec::new());
    for (at, step) in steps.iter().enumerate() {
        let (ms, before) = (at as i64, last);
        // Spot counts by symbol.
        let first = last + 1 + if is_spot { 0 } else { step.foreign };
        last = first + step.changes.len() as u64;
        for (px, qty) in &step.changes {
            bids.insert(*px, *qty);
            bids.retain(|_, qty| *qty > 0);
        }
        truth.push(bids.clone());
        lasts.push(last);
        let changes: Vec<String> = step.changes.iter().map(|(px, qty)| format!(r#"["{px}","{qty}"]"#)).collect();
        let changes = changes.join(",");
        if !step.lost {
            text += &if is_spot {
                spot(ms + 5, ms, [first, last], &changes)
            } else {
                update(ms + 5, ms, [first, last, before], &changes)
            };
        }
        if let Some(age) = step.snapshot {
            let of = at.saturating_sub(age);
            let levels: Vec<String> = truth[of].iter().map(|(px, qty)| format!(r#"["{px}","{qty}"]"#)).collect();
            let time = if is_spot { String::new() } else { format!(r#""T":{},"#, EVENT_ZERO + of as i64) };
            let (last, levels) = (lasts[of], levels.join(","));
            text += &line(ms + 5, &format!(r#"{{"lastUpdateId":{last},{time}"bids":[{levels}],"asks":[]}}"#));
        }
    }
    (text, truth)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_book_that_is_believed_is_the_true_one(steps in prop::collection::vec(step(), 1..60), is_spot: bool) {
        let (text, truth) = played(&steps, is_spot);
        let Ok(outcome) = try_import(&text, OnError::Fail) else {
            prop_assert!(!text.contains("depthUpdate") || !text.contains("lastUpdateId"));
            return Ok(());
        };
        let counts = outcome.summary.counts;
        let recorded = steps.iter().filter(|step| !step.lost).count() as u64;
        let told = counts.updates + counts.updates_before_snapshot + counts.updates_without_snapshot;
        prop_assert_eq!(told + counts.updates_repeated, recorded, "each update is counted once");
        let mut book = Book::new();
        let (mut gaps, mut last) = (0, (i64::MIN, i64::MIN));
        for record in outcome.read(DataKind::Depth).records {
            let MarketRecord::Depth(row) = record else { panic!("depth") };
            prop_assert!((row.ts_event.nanos(), row.ts_recv.nanos()) >= last && row.ts_recv >= row.ts_event);
            last = (row.ts_event.nanos(), last.1.max(row.ts_recv.nanos()));
            gaps += u64::from(row.flags.has(DepthFlags::GAP));
            book.apply(&row);
            if row.flags.has(DepthFlags::LAST) && !book.is_lost() {
                let found: Bids =
                    book.levels(Side::Buy).map(|level| (level.px.raw() / 100, level.qty.raw() / 1_000)).collect();
                prop_assert!(truth.contains(&found), "the exchange never showed {:?}", found);
            }
        }
        if !book.is_lost() && counts.updates_without_snapshot == 0 && steps.last().is_some_and(|step| !step.lost) {
            let found: Bids =
                book.levels(Side::Buy).map(|level| (level.px.raw() / 100, level.qty.raw() / 1_000)).collect();
            prop_assert_eq!(Some(&found), truth.last(), "the book at the end");
        }
        prop_assert_eq!(gaps, counts.gaps);
    }
}
