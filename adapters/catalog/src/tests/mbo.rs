//! Orders one by one: actions, ids, snapshots at the start, into the catalog and back.

use tapedeck_model::MboTick;

use super::*;

const HEADER: &str = "ts,ts_recv,action,side,px,qty,order_id,flags\n";

/// Rows as text: time, action, id, side, price, quantity, flags; a receive time where it differs.
fn rows(played: &Played) -> Vec<String> {
    let row = |record: &MarketRecord| {
        let MarketRecord::Mbo(MboTick { ts_event, ts_recv, action, side, px, qty, order_id, flags, .. }) = *record
        else {
            panic!("an order")
        };
        let side = match side {
            Some(Side::Buy) => "bid",
            Some(Side::Sell) => "ask",
            None => "-",
        };
        let action = action.map_or("-", |action| action.text());
        let late = if ts_recv == ts_event { String::new() } else { format!(" at {}", ts_recv.nanos()) };
        let (ts, px, qty, flags) = (ts_event.nanos(), px.raw(), qty.raw(), flags.bits());
        format!("{ts} {action} {order_id} {side} {px} {qty} {flags}{late}")
    };
    played.records.iter().map(row).collect()
}

fn csv(folder: &TempDir, text: &str) -> FileSpec {
    let path = write_text(folder, "mbo.csv", text);
    FileSpec { time_unit: Some(TimeUnit::Nanos), ..spec(DataKind::Mbo, &[path]) }
}

/// The same whatever the size of batches.
fn check(spec: &FileSpec, expected: &[&str]) {
    for batch_rows in [1, 2, 3, 65_536] {
        let played = play_in(spec.clone(), batch_rows).unwrap();
        assert_eq!(rows(&played), expected, "batches of {batch_rows}");
    }
}

#[test]
fn each_action_needs_its_own_cells() {
    let folder = TempDir::new().unwrap();
    let text = format!(
        "{HEADER}10,11,add,bid,1.5,2,18446744073709551615,3\n20,21,Modify,,1.4,1,7,0\n20,21,cancel,,,,7,0\n\
         20,21,cancel,,,0.5,7,1\n30,31,4,,,0.25,8,1\n40,41,,,,,,5\n"
    );
    let expected = [
        "10 add 18446744073709551615 bid 150 2000 3 at 11",
        "20 modify 7 - 140 1000 0 at 21",
        "20 cancel 7 - 0 0 0 at 21",
        "20 cancel 7 - 0 500 1 at 21",
        "30 execute 8 - 0 250 1 at 31",
        "40 - 0 - 0 0 5 at 41",
    ];
    // Numbers stand for actions in integer columns only.
    let text = text.replace("30,31,4,", "30,31,execute,");
    check(&csv(&folder, &text), &expected);
}

#[test]
fn bad_rows_are_refused_with_their_place_or_leave_their_flags() {
    let folder = TempDir::new().unwrap();
    for (row, column, problem) in [
        ("10,10,add,,1,1,1,3", "side", "is a bid or an ask"),
        ("10,10,add,bid,,1,1,3", "px", "missing"),
        ("10,10,add,bid,-1,1,1,3", "px", "above zero"),
        ("10,10,add,bid,1,0,1,3", "qty", "above zero"),
        ("10,10,execute,,,0,1,3", "qty", "above zero"),
        ("10,10,cancel,,,-1,1,3", "qty", "not be negative"),
        ("10,10,add,bid,1,1,,3", "order_id", "missing"),
        ("10,10,add,bid,1,1,-4,3", "order_id", "cannot be read"),
        ("10,10,trade,bid,1,1,1,3", "action", "expected add, modify"),
        ("10,10,,bid,1,1,1,3", "action", "without an action"),
    ] {
        let error = play(csv(&folder, &format!("{HEADER}{row}\n"))).unwrap_err();
        assert!(error.contains(column), "{row}: {error}");
        assert!(error.contains("row 1") && error.contains(problem), "{row}: {error}");
    }
    let text = format!("{HEADER}10,10,add,bid,-1,1,1,2\n10,10,add,ask,2,1,2,1\n");
    let file = FileSpec { on_error: OnError::Skip, ..csv(&folder, &text) };
    check(&file, &["10 - 0 - 0 0 2", "10 add 2 ask 200 1000 1"]);
}

#[test]
fn without_flags_rows_of_one_time_are_one_message() {
    let folder = TempDir::new().unwrap();
    let text = "ts,action,side,px,qty,order_id\n10,add,bid,1,2,1\n10,add,ask,2,1,2\n11,execute,,,1,2\n";
    let expected = ["10 add 1 bid 100 2000 0", "10 add 2 ask 200 1000 1", "11 execute 2 - 0 1000 1"];
    check(&csv(&folder, text), &expected);
}

#[test]
fn orders_before_the_start_become_a_snapshot_in_the_order_of_their_lines() {
    let folder = TempDir::new().unwrap();
    let text = format!(
        "{HEADER}10,11,add,bid,1,2,5,2\n10,11,add,ask,3,1,9,0\n10,11,add,bid,1,1,3,1\n11,12,modify,,1,3,5,1\n\
         12,13,execute,,,0.5,3,1\n20,24,cancel,,,,9,1\n"
    );
    let from = |start: i64| FileSpec { start: Some(Ts::from_nanos(start)), ..csv(&folder, &text) };
    check(
        &from(15),
        &["15 add 3 bid 100 500 2", "15 add 5 bid 100 3000 0", "15 add 9 ask 300 1000 1", "20 cancel 9 - 0 0 1 at 24"],
    );
    // An order that cannot be: nothing is known before the next snapshot.
    let text = text.replace("12,13,execute,,,0.5,3,1", "12,13,execute,,,5,3,1");
    let wrong = FileSpec { start: Some(Ts::from_nanos(15)), ..csv(&folder, &text) };
    check(&wrong, &["15 - 0 - 0 0 5", "20 cancel 9 - 0 0 1 at 24"]);
}

#[test]
fn orders_go_into_the_catalog_and_back() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let day = 86_400_000_000_000_i64;
    let text =
        format!("{HEADER}10,11,add,bid,1.25,2,18446744073709551615,3\n{day},{day},,,,,,5\n{day},{day},cancel,,,,1,1\n");
    let source = csv(&folder, &text);
    let summary = import(source.clone(), &root, OnConflict::Error, &|| false).unwrap();
    assert_eq!((summary.rows, summary.days_written), (3, 2));
    let files = expand_paths(&["mbo/venue=SIM/instrument=BTCUSD".to_owned()], &root).unwrap();
    assert_eq!(play(spec(DataKind::Mbo, &files)).unwrap().records, play(source).unwrap().records);
    let found: Vec<(DataKind, u64)> = ls(&root).unwrap().iter().map(|entry| (entry.kind, entry.rows)).collect();
    assert_eq!(found, [(DataKind::Mbo, 3)]);
}
