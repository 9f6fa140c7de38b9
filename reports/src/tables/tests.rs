use std::fs::File;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tapedeck_model::Side;

use super::*;
use crate::fixture::{Journal, busy};

type Never = std::convert::Infallible;

fn write(journal: &Journal, folder: &Path) -> RunFacts {
    let records = journal.records.iter().cloned().map(Ok::<_, Never>);
    write_tables(records, folder, TableOptions::default()).unwrap()
}

fn read(folder: &Path, table: &str) -> Vec<RecordBatch> {
    let file = File::open(folder.join(format!("{table}.parquet"))).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn decimals(batch: &RecordBatch, column: &str) -> Vec<i128> {
    batch.column_by_name(column).unwrap().as_primitive::<Decimal128Type>().values().to_vec()
}

fn words(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let array = batch.column_by_name(column).unwrap().as_dictionary::<Int32Type>();
    let texts = array.values().as_string::<i32>();
    array.keys().iter().map(|key| key.map(|key| texts.value(key as usize).to_owned())).collect()
}

fn e18(text: &str) -> i128 {
    crate::fixture::amount(text).raw() / 1_000_000
}

#[test]
fn tables_hold_what_the_journal_says() {
    let mut journal = Journal::new();
    journal.input(1);
    let buy = journal.order(Side::Buy, "0.3");
    journal.fill(buy, Side::Buy, ("0.1", "0.2"), ("42000.5", "1.25"));
    journal.fill(buy, Side::Buy, ("0.2", "0"), ("42001", "2.5"));
    journal.input(5);
    let sell = journal.order(Side::Sell, "0.3");
    journal.fill(sell, Side::Sell, ("0.3", "0"), ("42100", "3"));
    journal.equity("10019.05", 0.01);
    journal.end();
    let folder = tempfile::tempdir().unwrap();
    let facts = write(&journal, folder.path());
    assert!(facts.complete);
    assert_eq!((facts.counts.orders, facts.counts.fills, facts.trips.count), (2, 3, 1));

    let events = read(folder.path(), "events");
    assert_eq!(events.iter().map(RecordBatch::num_rows).sum::<usize>(), journal.records.len());
    let kinds = words(&events[0], "kind");
    assert_eq!(kinds[0].as_deref(), Some("run_started"));
    assert_eq!(kinds.last().unwrap().as_deref(), Some("run_ended"));
    let fills = read(folder.path(), "fills");
    assert_eq!(decimals(&fills[0], "last_px"), [4_200_050, 4_200_100, 4_210_000]);
    assert_eq!(words(&fills[0], "source")[0].as_deref(), Some("BTCUSD/bars"));
    let orders = read(folder.path(), "orders");
    assert_eq!(words(&orders[0], "status"), [Some("filled".to_owned()), Some("filled".to_owned())]);
    let ids = orders[0].column_by_name("client_order_id").unwrap().as_string::<i32>();
    assert_eq!((ids.value(0), ids.value(1)), ("sma-1", "sma-2"));
    // (0.1 x 42000.5 + 0.2 x 42001) / 0.3 = 42000.8333..., half to even at 18 decimals.
    assert_eq!(decimals(&orders[0], "avg_px")[0], 42_000_833_333_333_333_333_333);
    let trades = read(folder.path(), "trades");
    assert_eq!(decimals(&trades[0], "gross_pnl"), [e18("29.75")]);
    assert_eq!(decimals(&trades[0], "fees"), [e18("6.75")]);
    assert_eq!(decimals(&trades[0], "net_pnl"), [e18("23")]);
    let positions = read(folder.path(), "positions");
    assert_eq!(decimals(&positions[0], "net_qty"), [10_000, 30_000, 0]);
    assert_eq!(decimals(&read(folder.path(), "equity")[0], "equity"), [e18("10019.05")]);
}

#[test]
fn a_run_without_orders_leaves_empty_tables() {
    let mut journal = Journal::new();
    journal.end();
    let folder = tempfile::tempdir().unwrap();
    write(&journal, folder.path());
    for table in TABLES.iter().filter(|table| **table != "events") {
        assert!(read(folder.path(), table).is_empty(), "{table}");
    }
}

#[test]
fn row_groups_are_bounded() {
    let journal = busy(4_000, 10);
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        TableWriter::new(folder.path(), TableOptions { row_group_rows: 1_000, ..TableOptions::default() }).unwrap();
    journal.records.iter().for_each(|record| writer.push(record).unwrap());
    let (facts, tables) = writer.end().unwrap();
    tables.close(&facts.names).unwrap();
    let file = File::open(folder.path().join("events.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert!(builder.metadata().row_groups().iter().all(|group| group.num_rows() <= 1_000));
    assert!(builder.metadata().num_row_groups() > 1);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let missing = tempfile::tempdir().unwrap().path().join("gone");
    assert!(matches!(TableWriter::new(&missing, TableOptions::default()), Err(ReportError::Io { .. })));
}

#[test]
fn scales_that_differ_share_the_finest() {
    let mut journal = Journal::new();
    let mut fine = crate::fixture::instrument();
    fine.ix = tapedeck_model::InstrumentIx(1);
    fine.id.symbol = "ETHUSD".to_owned();
    fine.price_scale = 6;
    journal.push(Event::InstrumentDeclared { instrument: Box::new(fine) });
    let buy = journal.order(Side::Buy, "0.1");
    journal.fill(buy, Side::Buy, ("0.1", "0"), ("42000.5", "1.25"));
    journal.end();
    let folder = tempfile::tempdir().unwrap();
    write(&journal, folder.path());
    let fills = read(folder.path(), "fills");
    assert_eq!(decimals(&fills[0], "last_px"), [42_000_500_000]);
    assert_eq!(decimals(&fills[0], "last_qty"), [10_000]);
    // Empty cells stand where they belong.
    let events = read(folder.path(), "events");
    let numbers = events[0].column_by_name("order_number").unwrap().as_primitive::<arrow_array::types::Int64Type>();
    let expected: Vec<Option<i64>> =
        journal.records.iter().map(|record| record.event.client_order_id().map(|id| i64::from(id.number))).collect();
    assert_eq!(numbers.iter().collect::<Vec<_>>(), expected);
    assert!(expected.contains(&None) && expected.contains(&Some(1)));
}

#[test]
fn cells_stand_in_their_rows_across_row_groups() {
    // Orders are far apart, so whole row groups lie between them whose cells are empty.
    let mut journal = Journal::new();
    for minute in 0..3_000 {
        journal.input(1);
        journal.equity("10000", 0.0);
        if minute % 1_000 == 999 {
            journal.order(Side::Buy, "0.1");
        }
    }
    journal.end();
    for row_group_rows in [16, 64, 100, 128, 129] {
        let folder = tempfile::tempdir().unwrap();
        let options = TableOptions { row_group_rows, ..TableOptions::default() };
        write_tables(journal.records.iter().cloned().map(Ok::<_, Never>), folder.path(), options).unwrap();
        let numbers = |batch: &RecordBatch| -> Vec<Option<i64>> {
            let column = batch.column_by_name("order_number").unwrap();
            column.as_primitive::<arrow_array::types::Int64Type>().iter().collect()
        };
        let batches = read(folder.path(), "events");
        let expected = journal.records.iter().map(|record| record.event.client_order_id());
        assert_eq!(
            batches.iter().flat_map(numbers).collect::<Vec<_>>(),
            expected.map(|id| id.map(|id| i64::from(id.number))).collect::<Vec<_>>(),
            "{row_group_rows} rows a group"
        );
        let kinds = journal.records.iter().map(|record| Some(record.event.text().to_owned()));
        assert_eq!(
            batches.iter().flat_map(|batch| words(batch, "kind")).collect::<Vec<_>>(),
            kinds.collect::<Vec<_>>(),
            "{row_group_rows} rows a group"
        );
    }
}

#[test]
fn a_word_stands_once_in_its_dictionary() {
    // Readers that make categories of a dictionary take a word that stands twice for one.
    let folder = tempfile::tempdir().unwrap();
    write(&busy(100, 10), folder.path());
    let events = read(folder.path(), "events");
    for column in ["kind", "strategy", "instrument", "side", "currency", "text"] {
        let array = events[0].column_by_name(column).unwrap().as_dictionary::<Int32Type>();
        let mut texts: Vec<_> = array.values().as_string::<i32>().iter().collect();
        texts.sort_unstable();
        assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "{column}: {texts:?}");
    }
}

#[test]
fn an_order_in_an_instrument_that_was_never_declared_is_an_error() {
    let mut journal = Journal::new();
    let request =
        tapedeck_model::OrderRequest::market(tapedeck_model::InstrumentIx(9), Side::Buy, crate::fixture::qty("1"));
    let client_order_id = tapedeck_model::ClientOrderId { strategy: crate::fixture::SMA, number: 1 };
    journal.push(Event::SubmitIntended { client_order_id, request });
    journal.end();
    let folder = tempfile::tempdir().unwrap();
    let records = journal.records.iter().cloned().map(Ok::<_, Never>);
    let result = write_tables(records, folder.path(), TableOptions::default());
    assert!(matches!(result, Err(ReportError::Unknown { .. })), "{result:?}");
}
