use super::*;
use proptest::prelude::*;
use tapedeck_model::order::{Evidence, FillBasis, RejectReason};
use tapedeck_model::{Amount, CurrencyIx, GroupKind, Liquidity, OrderKind, Price, RecordRef, Terms, VenueOrderId};

const ID: ClientOrderId = ClientOrderId { strategy: StrategyIx(0), number: 1 };

fn report(id: ClientOrderId, trade_id: u64, qty: i64, px: i64) -> FillReport {
    FillReport {
        client_order_id: id,
        trade_id: TradeId(trade_id),
        last_px: Price::from_raw(px),
        last_qty: Qty::from_raw(qty),
        liquidity: Liquidity::Taker,
        fee: Amount::ZERO,
        fee_currency: CurrencyIx(0),
        ts_event: Ts::from_nanos(0),
        evidence: Evidence {
            record: RecordRef::default(),
            basis: FillBasis::Venue,
            reference_px: Price::from_raw(px),
            slippage_px: Price::ZERO,
            impact_px: Price::ZERO,
            noise_px: Price::ZERO,
            available_qty: Qty::from_raw(qty),
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
        },
    }
}

fn submit(oms: &mut Oms, id: ClientOrderId, qty: i64) {
    let request = OrderRequest::limit(InstrumentIx(0), Side::Buy, Qty::from_raw(qty), Price::from_raw(100));
    let event = Event::Submitted { client_order_id: id, request, currency: CurrencyIx(0), reserved: Amount::ZERO };
    oms.apply(Ts::from_nanos(1), &event);
}

/// Words of the tables below to what they do; the result is empty or the refusal.
fn play(oms: &mut Oms, word: &str) -> String {
    let id = ID;
    let (what, rest) = word.split_once(':').unwrap_or((word, ""));
    let venue_report = match what {
        "ack" => VenueReport::Accepted { client_order_id: id, venue_order_id: VenueOrderId(9) },
        "reject" => VenueReport::Rejected { client_order_id: id, reason: RejectReason::OffTick },
        "held" => VenueReport::Held { client_order_id: id, venue_order_id: VenueOrderId(9) },
        "activated" => VenueReport::Activated { client_order_id: id, order_qty: Qty::from_raw(rest.parse().unwrap()) },
        "resized" => VenueReport::Resized { client_order_id: id, order_qty: Qty::from_raw(rest.parse().unwrap()) },
        "trigger" => VenueReport::Triggered { client_order_id: id },
        "canceled" => VenueReport::Canceled { client_order_id: id, reason: CancelReason::Requested },
        "expired" => VenueReport::Expired { client_order_id: id },
        "cancel_rejected" => VenueReport::CancelRejected { client_order_id: id, reason: RejectReason::UnknownOrder },
        "amend_rejected" => VenueReport::AmendRejected { client_order_id: id, reason: RejectReason::BelowFilled },
        "replaced" => VenueReport::Replaced {
            client_order_id: id,
            order_qty: Qty::from_raw(rest.parse().unwrap()),
            kind: OrderKind::Limit { limit_px: Price::from_raw(100) },
        },
        "fill" => {
            let (trade, qty) = rest.split_once('@').unwrap();
            VenueReport::Filled(report(id, trade.parse().unwrap(), qty.parse().unwrap(), 100))
        }
        "cancel" | "amend" => {
            let (stimulus, event) = if what == "cancel" {
                (Stimulus::CancelSubmitted, Event::CancelSubmitted { client_order_id: id })
            } else {
                let amendment = Amendment::default();
                (Stimulus::AmendSubmitted, Event::AmendSubmitted { client_order_id: id, amendment })
            };
            return match oms.may_request(id, stimulus) {
                Ok(_) => {
                    oms.apply(Ts::from_nanos(2), &event);
                    String::new()
                }
                Err(reason) => reason.text().to_owned(),
            };
        }
        other => panic!("unknown word {other}"),
    };
    match oms.judge(&venue_report) {
        Ok(event) => {
            oms.apply(Ts::from_nanos(2), &event);
            String::new()
        }
        Err(anomaly) => anomaly.text().to_owned(),
    }
}

/// One order of 10; each line: what happens -> status, cum, leaves, canceled, refusal of the last word.
#[test]
fn orders_walk_through_the_table() {
    let table = "
        ack                                        -> accepted 0 10 0
        ack fill:1@3                               -> partially_filled 3 7 0
        ack fill:1@3 fill:2@7                      -> filled 10 0 0
        fill:1@4 ack                               -> partially_filled 4 6 0
        fill:1@4 ack fill:2@6                      -> filled 10 0 0
        ack fill:1@3 fill:1@3                      -> partially_filled 3 7 0 duplicate_fill
        ack fill:1@8 fill:2@3                      -> partially_filled 8 2 0 overfill
        ack fill:1@0                               -> accepted 0 10 0 overfill
        reject                                     -> rejected 0 0 10
        reject fill:1@1                            -> rejected 0 0 10 illegal_transition
        ack reject                                 -> accepted 0 10 0 illegal_transition
        ack ack                                    -> accepted 0 10 0 illegal_transition
        ack trigger fill:1@2                       -> partially_filled 2 8 0
        ack trigger trigger                        -> triggered 0 10 0 illegal_transition
        ack cancel                                 -> pending_cancel 0 10 0
        ack cancel cancel                          -> pending_cancel 0 10 0 already_pending
        ack cancel amend                           -> pending_cancel 0 10 0 already_pending
        ack cancel fill:1@3 canceled               -> canceled 3 0 7
        ack cancel fill:1@10                       -> filled 10 0 0
        ack cancel fill:1@10 cancel_rejected       -> filled 10 0 0
        ack cancel canceled fill:1@2               -> canceled 2 0 8
        ack cancel canceled fill:1@11              -> canceled 0 0 10 overfill
        ack cancel cancel_rejected                 -> accepted 0 10 0
        ack fill:1@1 cancel cancel_rejected        -> partially_filled 1 9 0
        ack canceled canceled                      -> canceled 0 0 10 illegal_transition
        ack expired fill:1@1                       -> expired 1 0 9
        ack amend replaced:6                       -> accepted 0 6 0
        ack fill:1@4 amend replaced:4              -> filled 4 0 0
        ack fill:1@4 amend replaced:3              -> pending_amend 4 6 0 illegal_transition
        ack fill:1@4 amend amend_rejected          -> partially_filled 4 6 0
        ack amend cancel replaced:12 canceled      -> canceled 0 0 12
        ack amend fill:1@10                        -> filled 10 0 0
        ack replaced:6                             -> accepted 0 6 0
        replaced:6                                 -> submitted 0 10 0 illegal_transition
        ack amend cancel cancel_rejected replaced:6 -> accepted 0 6 0
        ack amend cancel_rejected replaced:6       -> accepted 0 6 0
        ack fill:1@10 cancel                       -> filled 10 0 0 unknown_order
        ack fill:1@10 fill:2@1                     -> filled 10 0 0 overfill";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (words, expected) = line.split_once("->").unwrap();
        let mut oms = Oms::new(1, 1);
        submit(&mut oms, ID, 10);
        let refusal = words.split_whitespace().fold(String::new(), |_, word| play(&mut oms, word));
        let order = oms.order(ID).unwrap();
        let found = format!(
            "{} {} {} {} {refusal}",
            order.status,
            order.cum_qty.raw(),
            order.leaves_qty.raw(),
            order.canceled_qty.raw()
        );
        assert_eq!(found.trim(), expected.trim(), "{line}");
        let open = i64::from(!order.status.is_terminal()) * order.leaves_qty.raw();
        assert_eq!(oms.open_qty(InstrumentIx(0)), OpenQty { buy: open, ..OpenQty::default() }, "{line}");
        assert_eq!(oms.open_orders(), u32::from(!order.status.is_terminal()), "{line}");
    }
}

/// One order of 10 that waits for its parent; a bracket's first exit.
#[test]
fn an_order_that_waits_walks_through_the_table() {
    let table = "
        held                                       -> held 0 10 0 | 0
        held activated:4                           -> accepted 0 4 0 | 4
        held activated:4 resized:10                -> accepted 0 10 0 | 10
        held activated:4 resized:10 fill:1@3 resized:9 -> partially_filled 3 6 0 | 6
        held activated:4 fill:1@4                  -> filled 4 0 0 | 0
        held activated:4 trigger resized:6         -> triggered 0 6 0 | 6
        held canceled                              -> canceled 0 0 10 | 0
        held expired                               -> expired 0 0 10 | 0
        reject                                     -> rejected 0 0 10 | 0
        held amend replaced:10                     -> held 0 10 0 | 0
        held amend amend_rejected                  -> held 0 10 0 | 0
        held amend activated:4 amend_rejected      -> accepted 0 4 0 | 4
        held cancel activated:4 canceled           -> canceled 0 0 4 | 0
        amend held amend_rejected                  -> held 0 10 0 | 0
        held fill:1@2                              -> partially_filled 2 8 0 | 8
        held resized:4                             -> held 0 10 0 | 0 illegal_transition
        held activated:0                           -> held 0 10 0 | 0 illegal_transition
        held activated:4 activated:5               -> accepted 0 4 0 | 4 illegal_transition
        held activated:4 fill:1@2 resized:2        -> partially_filled 2 2 0 | 2 illegal_transition
        held held                                  -> held 0 10 0 | 0 illegal_transition
        held trigger                               -> held 0 10 0 | 0 illegal_transition
        activated:4                                -> submitted 0 10 0 | 0 illegal_transition";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (words, expected) = line.split_once("->").unwrap();
        let mut oms = Oms::new(1, 1);
        let group = Some(GroupLeg { kind: GroupKind::Oto, leg: 1, first: 1 });
        let limit = OrderRequest::limit(InstrumentIx(0), Side::Buy, Qty::from_raw(10), Price::from_raw(100));
        let request = OrderRequest { terms: Terms { group, ..Terms::default() }, ..limit };
        let event = Event::Submitted { client_order_id: ID, request, currency: CurrencyIx(0), reserved: Amount::ZERO };
        oms.apply(Ts::from_nanos(1), &event);
        let refusal = words.split_whitespace().fold(String::new(), |_, word| play(&mut oms, word));
        let order = oms.order(ID).unwrap();
        let quantities = [order.cum_qty, order.leaves_qty, order.canceled_qty].map(|qty| qty.raw().to_string());
        let open = oms.open_qty(InstrumentIx(0)).buy;
        let found = format!("{} {} | {open} {refusal}", order.status, quantities.join(" "));
        assert_eq!(found.trim(), expected.trim(), "{line}");
    }
}

#[test]
fn of_a_pair_only_the_larger_is_open() {
    let mut oms = Oms::new(1, 1);
    let id = |number| ClientOrderId { strategy: StrategyIx(0), number };
    for leg in [0, 1] {
        let group = Some(GroupLeg { kind: GroupKind::Oco, leg, first: 1 });
        let limit = OrderRequest::limit(InstrumentIx(0), Side::Sell, Qty::from_raw(10), Price::from_raw(100));
        let request = OrderRequest { terms: Terms { group, ..Terms::default() }, ..limit };
        let client_order_id = id(u32::from(leg) + 1);
        let event = Event::Submitted { client_order_id, request, currency: CurrencyIx(0), reserved: Amount::ZERO };
        oms.apply(Ts::from_nanos(1), &event);
    }
    let open = |oms: &Oms| oms.open_qty(InstrumentIx(0)).sell;
    assert_eq!((open(&oms), oms.open_orders()), (10, 2));
    let mut tell = |report: VenueReport| {
        let event = oms.judge(&report).unwrap();
        oms.apply(Ts::from_nanos(2), &event);
        oms.open_qty(InstrumentIx(0)).sell
    };
    for number in [1, 2] {
        tell(VenueReport::Accepted { client_order_id: id(number), venue_order_id: VenueOrderId(9) });
    }
    assert_eq!(tell(VenueReport::Filled(report(id(2), 1, 4, 100))), 10, "the other is not told of yet");
    assert_eq!(tell(VenueReport::Resized { client_order_id: id(1), order_qty: Qty::from_raw(6) }), 6);
    assert_eq!(tell(VenueReport::Filled(report(id(1), 2, 6, 100))), 6);
    assert_eq!(tell(VenueReport::Canceled { client_order_id: id(2), reason: CancelReason::SiblingFilled }), 0);
    assert_eq!(oms.open_orders(), 0);
}

#[test]
fn a_report_about_a_stranger_is_refused() {
    let oms = Oms::new(1, 1);
    assert_eq!(oms.judge(&VenueReport::Filled(report(ID, 1, 1, 1))), Err(Anomaly::UnknownOrder));
}

#[test]
fn memory_is_bounded_by_open_orders_not_by_history() {
    let mut oms = Oms::new(1, 1);
    for number in 1..=3 * RETAINED as u32 {
        let id = ClientOrderId { strategy: StrategyIx(0), number };
        submit(&mut oms, id, 10);
        let fill = oms.judge(&VenueReport::Filled(report(id, 1, 10, 100))).unwrap();
        oms.apply(Ts::from_nanos(2), &fill);
    }
    assert_eq!(oms.open_orders(), 0);
    assert!(oms.slab.len() <= RETAINED + 1, "{}", oms.slab.len());
    assert!(oms.desks[0].window.len() <= RETAINED, "{}", oms.desks[0].window.len());
}

#[test]
fn open_orders_are_visited_oldest_first_whatever_ended_between() {
    let mut oms = Oms::new(1, 1);
    let id = |number| ClientOrderId { strategy: StrategyIx(0), number };
    // Numbers 2 and 5 were denied and never came here.
    for number in [1, 3, 4, 6, 7] {
        submit(&mut oms, id(number), 10);
    }
    for number in [1, 4, 7] {
        let canceled = VenueReport::Canceled { client_order_id: id(number), reason: CancelReason::Requested };
        let event = oms.judge(&canceled).unwrap();
        oms.apply(Ts::from_nanos(2), &event);
    }
    submit(&mut oms, id(9), 10);
    let mut seen = Vec::new();
    oms.each_open(StrategyIx(0), &mut |order| seen.push(order.client_order_id.number));
    assert_eq!(seen, [3, 6, 9]);
    assert!(oms.order(id(2)).is_none());
}

proptest! {
    /// Whatever reports arrive in whatever order, quantities add up and the state is the fold of the
    /// events that were accepted.
    #[test]
    fn any_sequence_keeps_the_sums_and_folds(words in proptest::collection::vec(0_usize..13, 0..40)) {
        let mut oms = Oms::new(1, 1);
        submit(&mut oms, ID, 10);
        let mut trade = 0;
        for word in words {
            trade += 1;
            let text = match word {
                0 => "ack".to_owned(),
                1 => "reject".to_owned(),
                2 => "trigger".to_owned(),
                3 => "canceled".to_owned(),
                4 => "expired".to_owned(),
                5 => "cancel".to_owned(),
                6 => "amend".to_owned(),
                7 => "cancel_rejected".to_owned(),
                8 => "amend_rejected".to_owned(),
                9 => format!("replaced:{}", 1 + trade % 15),
                11 => format!("resized:{}", 1 + trade % 15),
                10 => format!("fill:{trade}@{}", 1 + trade % 4),
                _ => format!("fill:{}@2", trade / 2),
            };
            play(&mut oms, &text);
            let order = oms.order(ID).unwrap();
            let whole = order.cum_qty.raw() + order.leaves_qty.raw() + order.canceled_qty.raw();
            prop_assert_eq!(whole, order.request.order_qty.raw());
            prop_assert!(order.leaves_qty >= Qty::ZERO && order.canceled_qty >= Qty::ZERO);
            if order.status.is_terminal() {
                prop_assert_eq!(order.leaves_qty, Qty::ZERO);
            }
        }
    }
}
