use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tapedeck_model::{InstrumentIx, Price, Side};

use super::*;
use crate::arbitrary::{EVENT_MAKERS, event_of, fixed_events, made};
use crate::input::InputRecord;

fn encoded<T: Wire>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(value, &mut bytes);
    bytes
}

fn decoded<T: Wire>(bytes: &[u8]) -> Result<T, Defect> {
    let mut from = Cursor::new(bytes);
    let value = T::decode(&mut from)?;
    from.finish()?;
    Ok(value)
}

#[test]
fn every_kind_of_event_comes_back() {
    for kind in 0..EVENT_MAKERS.len() {
        let mut runner = TestRunner::new(Config::with_cases(64));
        runner
            .run(&event_of(kind), |event| {
                let bytes = encoded(&event);
                prop_assert_eq!(&bytes[..2], event.number().to_le_bytes());
                prop_assert_eq!(decode_value::<Event>(&bytes), Ok(event));
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn the_makers_make_every_kind_that_can_be_decoded() {
    let made: BTreeSet<u16> = fixed_events().iter().map(Event::number).collect();
    assert_eq!(made.len(), EVENT_MAKERS.len());
    let unknown =
        |tag: u16| matches!(Event::decode_fields(tag, &mut Cursor::new(&[])), Err(Defect::UnknownNumber { .. }));
    let known: BTreeSet<u16> = (0..=u16::MAX).filter(|tag| !unknown(*tag)).collect();
    assert_eq!(made, known);
}

#[test]
fn the_document_lists_every_kind() {
    let document = include_str!("../../../../docs/journal-format.md");
    for event in fixed_events() {
        let row = format!("| {} | {} | ", event.number(), event.text());
        assert!(document.contains(&row), "docs/journal-format.md has no row `{row}`");
    }
}

#[test]
fn no_event_can_be_cut_short_or_drawn_out() {
    for event in fixed_events() {
        let mut bytes = encoded(&event);
        for len in 0..bytes.len() {
            assert!(decode_value::<Event>(&bytes[..len]).is_err(), "{} at {len}", event.text());
        }
        bytes.push(0);
        assert_eq!(decode_value::<Event>(&bytes), Err(Defect::LeftOver { count: 1 }), "{}", event.text());
    }
}

proptest! {
    #[test]
    fn market_records_come_back(value in made::<MarketRecord>()) {
        prop_assert_eq!(decode_value(&encoded(&value)), Ok(value));
    }

    #[test]
    fn venue_reports_come_back(value in made::<VenueReport>()) {
        prop_assert_eq!(decode_value(&encoded(&value)), Ok(value));
    }

    #[test]
    fn commands_come_back(value in made::<Command>()) {
        prop_assert_eq!(decode_value(&encoded(&value)), Ok(value));
    }

    #[test]
    fn instruments_come_back(value in made::<Instrument>()) {
        prop_assert_eq!(decode_value(&encoded(&value)), Ok(value));
    }

    #[test]
    fn inputs_come_back(value in made::<InputRecord>()) {
        prop_assert_eq!(decoded(&encoded(&value)), Ok(value));
    }

    /// What can be decoded at all is canonical: it encodes to the same bytes.
    #[test]
    fn random_bytes_never_panic(kind in 0..64_u8, bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let mut event = vec![kind, 0];
        event.extend_from_slice(&bytes);
        if let Ok(value) = decode_value::<Event>(&event) {
            prop_assert_eq!(encoded(&value), event);
        }
        let mut tagged = vec![kind % 10];
        tagged.extend_from_slice(&bytes);
        if let Ok(value) = decode_value::<VenueReport>(&tagged) {
            prop_assert_eq!(encoded(&value), tagged.clone());
        }
        if let Ok(value) = decode_value::<MarketRecord>(&tagged) {
            prop_assert_eq!(encoded(&value), tagged.clone());
        }
        if let Ok(value) = decode_value::<Command>(&tagged) {
            prop_assert_eq!(encoded(&value), tagged);
        }
        if let Ok(value) = decode_value::<Instrument>(&bytes) {
            prop_assert_eq!(encoded(&value), bytes);
        }
    }

    /// Bytes near to valid ones get deeper into the decoder than random ones.
    #[test]
    fn changed_bytes_never_panic(kind in 0..EVENT_MAKERS.len(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = encoded(&fixed_events()[kind]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(value) = decode_value::<Event>(&bytes) {
            prop_assert_eq!(encoded(&value), bytes);
        }
    }
}

#[test]
fn a_length_that_the_bytes_do_not_bear_out_is_refused() {
    assert_eq!(decoded::<String>(&[0xff, 0xff, 0xff, 0xff, b'x']), Err(Defect::TooShort { missing: 0xffff_fffe }));
    assert_eq!(decoded::<Vec<tapedeck_model::DatedRules>>(&[0xff; 8]), Err(Defect::TooShort { missing: 4 }));
}

#[test]
fn defects_have_names() {
    assert_eq!(decoded::<bool>(&[2]), Err(Defect::BadFlag { found: 2 }));
    assert_eq!(decoded::<String>(&[1, 0, 0, 0, 0xff]), Err(Defect::NotUtf8));
    assert_eq!(decoded::<Side>(&[3]), Err(Defect::UnknownNumber { what: "Side", number: 3 }));
    let lines = decoded::<tapedeck_model::event::PostingLines>(&[7]);
    assert_eq!(lines, Err(Defect::PostingLines { found: 7, max: 6 }));
}

#[test]
fn an_instrument_without_rules_is_refused() {
    let instrument = fixed_events().into_iter().find_map(|event| match event {
        Event::InstrumentDeclared { instrument } => Some(*instrument),
        _ => None,
    });
    let mut instrument = instrument.unwrap();
    instrument.rules.truncate(1);
    let mut bytes = encoded(&instrument);
    bytes.truncate(bytes.len() - 56);
    let count_at = bytes.len() - 4;
    bytes[count_at] = 0;
    assert!(matches!(decode_value::<Instrument>(&bytes), Err(Defect::Instrument(_))));
}

/// The layout, by hand: a change here is a new version of the format.
#[test]
fn a_limit_order_is_laid_out_as_documented() {
    let request = tapedeck_model::OrderRequest {
        post_only: true,
        ..tapedeck_model::OrderRequest::limit(
            InstrumentIx(0x0102),
            Side::Sell,
            tapedeck_model::Qty::from_raw(3),
            Price::from_raw(-1),
        )
    };
    #[rustfmt::skip]
    let expected = [
        2, 1,                                           // instrument
        2,                                              // sell
        2, 255, 255, 255, 255, 255, 255, 255, 255,      // limit, -1
        3, 0, 0, 0, 0, 0, 0, 0,                         // order_qty
        1,                                              // good till canceled
        1, 0,                                           // post_only, not reduce_only
        1, 0, 0, 0, 0,                                  // terms: triggered by last, nothing else
    ];
    assert_eq!(encoded(&request), expected);
}
