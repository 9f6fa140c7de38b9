//! From columns of a file to exact integers and nanoseconds.
//!
//! Each conversion first runs over the whole column in a loop without branches; only where that
//! finds something does it go cell by cell. Invariants: both ways give the same numbers; a cell
//! that cannot be read leaves 0 and a note, the length never differs.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, new_empty_array};
use arrow_schema::{DataType, TimeUnit as ArrowUnit};
use tapedeck_model::market::DepthFlags;
use tapedeck_model::number::{parse_decimal, pow10};
use tapedeck_model::{MboAction, Ts};

use crate::rows::Bad;
use crate::spec::TimeUnit;

/// A cell reader: the value of a row.
pub(crate) type Read<'a, T> = Box<dyn Fn(usize) -> Result<T, Bad> + 'a>;

/// How a column becomes integers of one scale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scaling {
    /// Decimals wanted.
    pub(crate) scale: u8,
    /// Decimals of whole numbers in the file, if stated.
    pub(crate) stated: Option<u8>,
    /// Whether more decimals are cut (quantities) or refused (prices).
    pub(crate) cut: bool,
}

/// A number in the scale wanted, and whether decimals were cut.
pub(crate) type Scaled = (i128, bool);

/// Adding and taking away this rounds a float below 2^51 to the nearest integer, ties to even, and
/// leaves that integer in its low bits.
const MAGIC: f64 = 6_755_399_441_055_744.0;
/// Floats from here on are converted one by one.
const FAST_LIMIT: f64 = 2_251_799_813_685_248.0;
/// How far a float may lie from a decimal of the scale.
const TOLERANCE: f64 = 1e-9;

/// Whether a column of this type can hold numbers; else what to do.
pub(crate) fn check_number(data: &DataType, stated: Option<u8>, key: &str) -> Result<(), String> {
    if data.is_integer() && stated.is_none() {
        return Err(format!("is a column of integers ({data}); state its decimals with `{key}`"));
    }
    let decimal = matches!(data, DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..));
    let float = matches!(data, DataType::Float32 | DataType::Float64);
    if data.is_integer() || decimal || float || is_text(data) {
        return Ok(());
    }
    Err(format!("has type {data}; expected float, decimal, integer or text"))
}

/// Whether a column of this type can hold times; else what to do.
pub(crate) fn check_time(data: &DataType, unit: Option<TimeUnit>) -> Result<(), String> {
    let numeric =
        matches!(data, DataType::Int32 | DataType::Int64 | DataType::UInt32 | DataType::UInt64 | DataType::Float64);
    if numeric && unit.is_none() {
        return Err(format!("is a column of numbers ({data}); state their unit with `time_unit` (s, ms, us or ns)"));
    }
    let time = matches!(data, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    if numeric || time || is_text(data) {
        return Ok(());
    }
    Err(format!("has type {data}; expected timestamp, date, integer or text"))
}

/// Whether a column holds text.
pub(crate) fn is_text(data: &DataType) -> bool {
    matches!(data, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Numbers of `array` onto `out`; calls `bad` for cells that are none and `cut` for rows whose
/// decimals were cut.
pub(crate) fn numbers(
    array: &dyn Array,
    scaling: Scaling,
    out: &mut Vec<i64>,
    mut bad: impl FnMut(usize, Bad),
    mut cut: impl FnMut(usize),
) {
    if array.null_count() == 0 && fast_numbers(array, scaling, out) {
        return;
    }
    let read = number_reader(array, scaling);
    out.clear();
    out.extend((0..array.len()).map(|row| {
        let value = read(row).and_then(|(v, was_cut)| Ok((i64::try_from(v).map_err(|_| Bad::TooLarge)?, was_cut)));
        match value {
            Ok((value, was_cut)) => {
                if was_cut {
                    cut(row);
                }
                value
            }
            Err(problem) => {
                bad(row, problem);
                0
            }
        }
    }));
}

/// The whole column at once; `false` if any cell needs a closer look.
fn fast_numbers(array: &dyn Array, scaling: Scaling, out: &mut Vec<i64>) -> bool {
    out.clear();
    match array.data_type() {
        DataType::Float64 => fast_floats(array.as_primitive::<Float64Type>().values(), scaling.scale, out),
        DataType::Decimal128(_, scale) if i64::from(*scale) == i64::from(scaling.scale) => {
            let values = array.as_primitive::<Decimal128Type>().values();
            out.extend(values.iter().map(|v| *v as i64));
            values.iter().fold(0, |lost, v| lost | (*v ^ i128::from(*v as i64))) == 0
        }
        DataType::Decimal64(_, scale) if i64::from(*scale) == i64::from(scaling.scale) => {
            out.extend_from_slice(array.as_primitive::<Decimal64Type>().values());
            true
        }
        DataType::Int64 if scaling.stated == Some(scaling.scale) => {
            out.extend_from_slice(array.as_primitive::<Int64Type>().values());
            true
        }
        _ => false,
    }
}

fn fast_floats(values: &[f64], scale: u8, out: &mut Vec<i64>) -> bool {
    let factor = pow10(scale) as f64;
    let mut doubtful = 0_u64;
    out.extend(values.iter().map(|value| {
        let scaled = value * factor;
        let shifted = scaled + MAGIC;
        let distance = (scaled - (shifted - MAGIC)).abs();
        // Written so that NaN is doubtful as well.
        let fine = (distance <= TOLERANCE * scaled.abs()) & (scaled.abs() < FAST_LIMIT);
        doubtful |= u64::from(!fine);
        (shifted.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64)
    }));
    doubtful == 0
}

/// Reads numbers cell by cell.
pub(crate) fn number_reader(array: &dyn Array, scaling: Scaling) -> Read<'_, Scaled> {
    let whole = i32::from(scaling.stated.unwrap_or(0));
    match array.data_type() {
        DataType::Float64 => primitive::<Float64Type, _>(array, move |v| from_f64(v, scaling)),
        DataType::Float32 => primitive::<Float32Type, _>(array, move |v| from_f32(v, scaling)),
        DataType::Decimal32(_, s) => scaled::<Decimal32Type>(array, i32::from(*s), scaling),
        DataType::Decimal64(_, s) => scaled::<Decimal64Type>(array, i32::from(*s), scaling),
        DataType::Decimal128(_, s) => scaled::<Decimal128Type>(array, i32::from(*s), scaling),
        DataType::Int8 => scaled::<Int8Type>(array, whole, scaling),
        DataType::Int16 => scaled::<Int16Type>(array, whole, scaling),
        DataType::Int32 => scaled::<Int32Type>(array, whole, scaling),
        DataType::Int64 => scaled::<Int64Type>(array, whole, scaling),
        DataType::UInt8 => scaled::<UInt8Type>(array, whole, scaling),
        DataType::UInt16 => scaled::<UInt16Type>(array, whole, scaling),
        DataType::UInt32 => scaled::<UInt32Type>(array, whole, scaling),
        DataType::UInt64 => scaled::<UInt64Type>(array, whole, scaling),
        _ => text_reader(array, move |text| from_text(text, scaling)),
    }
}

fn scaled<T: ArrowPrimitiveType>(array: &dyn Array, from: i32, scaling: Scaling) -> Read<'_, Scaled>
where
    T::Native: Into<i128>,
{
    primitive::<T, _>(array, move |v| rescale(v.into(), from, scaling))
}

fn primitive<'a, T: ArrowPrimitiveType, V>(
    array: &'a dyn Array,
    convert: impl Fn(T::Native) -> Result<V, Bad> + 'a,
) -> Read<'a, V> {
    let array = array.as_primitive::<T>();
    Box::new(move |row| if array.is_null(row) { Err(Bad::Missing) } else { convert(array.value(row)) })
}

/// Reads text cell by cell; blank text is missing, a column of another type is not readable.
pub(crate) fn text_reader<'a, V>(array: &'a dyn Array, convert: impl Fn(&str) -> Result<V, Bad> + 'a) -> Read<'a, V> {
    let cell = move |text: &str| {
        let text = text.trim();
        if text.is_empty() { Err(Bad::Missing) } else { convert(text) }
    };
    let null = |row: usize| array.is_null(row);
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            Box::new(move |row| if null(row) { Err(Bad::Missing) } else { cell(texts.value(row)) })
        }
        DataType::LargeUtf8 => {
            let texts = array.as_string::<i64>();
            Box::new(move |row| if null(row) { Err(Bad::Missing) } else { cell(texts.value(row)) })
        }
        DataType::Utf8View => {
            let texts = array.as_string_view();
            Box::new(move |row| if null(row) { Err(Bad::Missing) } else { cell(texts.value(row)) })
        }
        _ => Box::new(|_| Err(Bad::NotReadable)),
    }
}

fn rescale(mantissa: i128, from: i32, scaling: Scaling) -> Result<Scaled, Bad> {
    let up = i32::from(scaling.scale) - from;
    let power = u8::try_from(up.unsigned_abs()).ok().filter(|p| *p <= 38).ok_or(Bad::TooLarge)?;
    if up >= 0 {
        return mantissa.checked_mul(pow10(power)).map(|v| (v, false)).ok_or(Bad::TooLarge);
    }
    let (quotient, rest) = (mantissa / pow10(power), mantissa % pow10(power));
    if rest != 0 && !scaling.cut {
        return Err(Bad::OffScale(scaling.scale));
    }
    Ok((quotient, rest != 0))
}

fn from_f64(value: f64, scaling: Scaling) -> Result<Scaled, Bad> {
    finite(value)?;
    let scaled = value * pow10(scaling.scale) as f64;
    let nearest = scaled.round_ties_even();
    // The cast below saturates from 2^127 on: far above what fits 64 bits.
    if nearest.abs() >= 1e38 {
        return Err(Bad::TooLarge);
    }
    nearest_or_cut(scaled, nearest, (scaled - nearest).abs() <= TOLERANCE * scaled.abs(), scaling)
}

/// A 32-bit float has no 1e-9 to spare: it means the decimal whose nearest float it is.
fn from_f32(value: f32, scaling: Scaling) -> Result<Scaled, Bad> {
    finite(f64::from(value))?;
    let factor = pow10(scaling.scale) as f64;
    let scaled = f64::from(value) * factor;
    let nearest = scaled.round_ties_even();
    if nearest.abs() >= 1e38 {
        return Err(Bad::TooLarge);
    }
    nearest_or_cut(scaled, nearest, (nearest / factor) as f32 == value, scaling)
}

fn finite(value: f64) -> Result<(), Bad> {
    if value.is_nan() {
        return Err(Bad::Missing);
    }
    if value.is_infinite() { Err(Bad::Infinite) } else { Ok(()) }
}

fn nearest_or_cut(scaled: f64, nearest: f64, is_near: bool, scaling: Scaling) -> Result<Scaled, Bad> {
    if is_near {
        return Ok((nearest as i128, false));
    }
    if scaling.cut { Ok((scaled.trunc() as i128, true)) } else { Err(Bad::OffScale(scaling.scale)) }
}

/// A number in plain text.
pub(crate) fn from_text(text: &str, scaling: Scaling) -> Result<Scaled, Bad> {
    if let Some(from) = scaling.stated {
        let whole = text.parse::<i64>().map_err(|_| Bad::NotReadable)?;
        return rescale(i128::from(whole), i32::from(from), scaling);
    }
    match text.to_ascii_lowercase().as_str() {
        "nan" | "null" | "na" | "none" => return Err(Bad::Missing),
        "inf" | "+inf" | "-inf" | "infinity" | "-infinity" => return Err(Bad::Infinite),
        _ => {}
    }
    let value = parse_decimal(text).map_err(|_| Bad::NotReadable)?;
    rescale(value.mantissa(), value.scale() as i32, scaling)
}

/// The column of times itself where it holds nanoseconds; another stands in its place then.
pub(crate) fn take_times(array: &mut ArrayRef, unit: Option<TimeUnit>) -> Option<Vec<i64>> {
    match (array.data_type(), unit) {
        (DataType::Int64, Some(TimeUnit::Nanos)) => take::<Int64Type>(array),
        (DataType::Timestamp(ArrowUnit::Nanosecond, _), _) => take::<TimestampNanosecondType>(array),
        _ => None,
    }
}

/// The column of numbers itself where it has the scale wanted; another stands in its place then.
pub(crate) fn take_numbers(array: &mut ArrayRef, scaling: Scaling) -> Option<Vec<i64>> {
    match array.data_type() {
        DataType::Decimal64(_, scale) if i64::from(*scale) == i64::from(scaling.scale) => take::<Decimal64Type>(array),
        DataType::Int64 if scaling.stated == Some(scaling.scale) => take::<Int64Type>(array),
        _ => None,
    }
}

/// The cells of a column without a hole; copied only where others hold it as well.
fn take<T: ArrowPrimitiveType<Native = i64>>(array: &mut ArrayRef) -> Option<Vec<i64>> {
    if array.null_count() > 0 {
        return None;
    }
    let column = array.as_primitive::<T>().clone();
    *array = new_empty_array(&DataType::Null);
    let (_, cells, _) = column.into_parts();
    Some(cells.into_inner().into_vec().unwrap_or_else(|shared| shared.typed_data().to_vec()))
}

/// Times of `array` in nanoseconds onto `out`; calls `bad` for cells that are none.
pub(crate) fn times(array: &dyn Array, unit: Option<TimeUnit>, out: &mut Vec<i64>, mut bad: impl FnMut(usize, Bad)) {
    if array.null_count() == 0 && fast_times(array, unit, out) {
        return;
    }
    out.clear();
    let read = time_reader(array, unit);
    out.extend((0..array.len()).map(|row| {
        read(row).unwrap_or_else(|problem| {
            bad(row, problem);
            0
        })
    }));
}

/// The whole column at once; `false` if any cell needs a closer look.
fn fast_times(array: &dyn Array, unit: Option<TimeUnit>, out: &mut Vec<i64>) -> bool {
    let (steps, step): (&[i64], i64) = match (array.data_type(), unit) {
        (DataType::Int64, Some(unit)) => match unit.step() {
            Some(step) => (array.as_primitive::<Int64Type>().values(), step),
            None => return false,
        },
        (DataType::Timestamp(ArrowUnit::Second, _), _) => {
            (array.as_primitive::<TimestampSecondType>().values(), 1_000_000_000)
        }
        (DataType::Timestamp(ArrowUnit::Millisecond, _), _) => {
            (array.as_primitive::<TimestampMillisecondType>().values(), 1_000_000)
        }
        (DataType::Timestamp(ArrowUnit::Microsecond, _), _) => {
            (array.as_primitive::<TimestampMicrosecondType>().values(), 1_000)
        }
        (DataType::Timestamp(ArrowUnit::Nanosecond, _), _) => {
            (array.as_primitive::<TimestampNanosecondType>().values(), 1)
        }
        _ => return false,
    };
    out.clear();
    if step == 1 {
        out.extend_from_slice(steps);
        return true;
    }
    let (low, high) = (i64::MIN / step, i64::MAX / step);
    let mut fits = true;
    out.extend(steps.iter().map(|count| {
        fits &= (low..=high).contains(count);
        count.wrapping_mul(step)
    }));
    fits
}

/// Reads times cell by cell, in nanoseconds.
pub(crate) fn time_reader(array: &dyn Array, unit: Option<TimeUnit>) -> Read<'_, i64> {
    match array.data_type() {
        DataType::Timestamp(ArrowUnit::Second, _) => steps::<TimestampSecondType>(array, 1_000_000_000),
        DataType::Timestamp(ArrowUnit::Millisecond, _) => steps::<TimestampMillisecondType>(array, 1_000_000),
        DataType::Timestamp(ArrowUnit::Microsecond, _) => steps::<TimestampMicrosecondType>(array, 1_000),
        DataType::Timestamp(ArrowUnit::Nanosecond, _) => steps::<TimestampNanosecondType>(array, 1),
        DataType::Date32 => steps::<Date32Type>(array, 86_400_000_000_000),
        DataType::Date64 => steps::<Date64Type>(array, 1_000_000),
        DataType::Int32 => counts::<Int32Type>(array, unit),
        DataType::Int64 => counts::<Int64Type>(array, unit),
        DataType::UInt32 => counts::<UInt32Type>(array, unit),
        DataType::UInt64 => counts::<UInt64Type>(array, unit),
        DataType::Float64 => primitive::<Float64Type, _>(array, move |v| {
            finite(v)?;
            let count = v.trunc() as i128;
            let step = unit.map_or(1, |unit| unit.nanos(count));
            // Whole steps stay whole: their product with a step may not fit a float.
            let rest = ((v - v.trunc()) * step as f64).round_ties_even() as i128;
            let whole = count.checked_mul(i128::from(step)).and_then(|whole| whole.checked_add(rest));
            whole.and_then(|nanos| i64::try_from(nanos).ok()).ok_or(Bad::TooLarge)
        }),
        _ => text_reader(array, move |text| time_from_text(text, unit)),
    }
}

fn steps<T: ArrowPrimitiveType>(array: &dyn Array, step: i64) -> Read<'_, i64>
where
    T::Native: Into<i128>,
{
    primitive::<T, _>(array, move |v| nanos(v.into(), step))
}

fn counts<T: ArrowPrimitiveType>(array: &dyn Array, unit: Option<TimeUnit>) -> Read<'_, i64>
where
    T::Native: Into<i128>,
{
    primitive::<T, _>(array, move |v| {
        let count = v.into();
        nanos(count, unit.map_or(1, |unit| unit.nanos(count)))
    })
}

fn nanos(count: i128, step: i64) -> Result<i64, Bad> {
    count.checked_mul(i128::from(step)).and_then(|n| i64::try_from(n).ok()).ok_or(Bad::TooLarge)
}

fn time_from_text(text: &str, unit: Option<TimeUnit>) -> Result<i64, Bad> {
    if let Some(unit) = unit
        && let Ok(number) = parse_decimal(text)
    {
        let scaling = Scaling { scale: 9, stated: None, cut: true };
        let (steps, _) = rescale(number.mantissa(), number.scale() as i32, scaling)?;
        let count = steps / pow10(9);
        if unit == TimeUnit::MillisOrMicros && count.unsigned_abs() < 100_000_000_000 {
            return Err(Bad::Unit);
        }
        let step = unit.nanos(count);
        let whole = steps.checked_mul(i128::from(step)).ok_or(Bad::TooLarge)? / pow10(9);
        return i64::try_from(whole).map_err(|_| Bad::TooLarge);
    }
    text.parse::<Ts>().ok().or_else(|| compact_time(text)).map(Ts::nanos).ok_or(Bad::NotReadable)
}

/// A day and a time as `YYYYMMDD HH:MM` or with seconds.
fn compact_time(text: &str) -> Option<Ts> {
    let (day, time) = text.split_once(' ')?;
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("{}T{time}{seconds}Z", dashed(day)?).parse().ok()
}

/// `YYYYMMDD` as `YYYY-MM-DD`.
pub(crate) fn dashed(day: &str) -> Option<String> {
    if day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(format!("{}-{}-{}", day.get(..4)?, day.get(4..6)?, day.get(6..)?))
}

/// A whole column of sides as we write it; `None` if any cell needs a closer look.
pub(crate) fn fast_sides(array: &dyn Array) -> Option<&[i8]> {
    let sides: &[i8] = array.as_primitive_opt::<Int8Type>().filter(|_| array.null_count() == 0)?.values();
    let odd = sides.iter().fold(0, |odd, side| odd | u8::from(side.unsigned_abs() > 1));
    (odd == 0).then_some(sides)
}

/// A whole column of flags as we write it; `None` if any cell needs a closer look.
pub(crate) fn fast_flags(array: &dyn Array) -> Option<&[u8]> {
    let flags: &[u8] = array.as_primitive_opt::<UInt8Type>().filter(|_| array.null_count() == 0)?.values();
    DepthFlags::from_bits(flags.iter().fold(0, |all, bits| all | bits)).is_some().then_some(flags)
}

/// Bids, asks or none, as text or as 1, -1 and 0.
pub(crate) fn level_side_reader(array: &dyn Array) -> Read<'_, i8> {
    if !array.data_type().is_integer() {
        return text_reader(array, side_from_text);
    }
    let read = whole_reader(array);
    Box::new(move |row| match read(row)? {
        1 => Ok(1),
        -1 => Ok(-1),
        0 => Ok(0),
        _ => Err(Bad::NotReadable),
    })
}

/// The flags of a row of depth.
pub(crate) fn flags_reader(array: &dyn Array) -> Read<'_, u8> {
    let read = whole_reader(array);
    Box::new(move |row| {
        let flags = u8::try_from(read(row)?).ok().and_then(DepthFlags::from_bits);
        flags.map(DepthFlags::bits).ok_or(Bad::Flags)
    })
}

/// What happened to orders on `out`, at once where the column is as we write it; 0 for a row that bears flags only.
pub(crate) fn actions(array: &dyn Array, out: &mut Vec<u8>, mut bad: impl FnMut(usize, Bad)) {
    let last = MboAction::ALL.last().map_or(0, |action| action.number());
    let ours = array.as_primitive_opt::<UInt8Type>().filter(|_| array.null_count() == 0);
    if let Some(ours) = ours.filter(|ours| ours.values().iter().all(|action| *action <= last)) {
        out.extend_from_slice(ours.values());
        return;
    }
    let read = action_reader(array);
    out.extend((0..array.len()).map(|row| match read(row) {
        Ok(action) => action,
        Err(Bad::Missing) => 0,
        Err(problem) => {
            bad(row, problem);
            0
        }
    }));
}

/// What happened to an order, as a word or a number; 0 for nothing.
fn action_reader(array: &dyn Array) -> Read<'_, u8> {
    if array.data_type().is_integer() {
        let read = whole_reader(array);
        return Box::new(move |row| {
            let number = u8::try_from(read(row)?).map_err(|_| Bad::Action)?;
            if number == 0 || MboAction::from_number(number).is_some() { Ok(number) } else { Err(Bad::Action) }
        });
    }
    text_reader(array, |text| {
        let action = MboAction::ALL.iter().find(|action| text.eq_ignore_ascii_case(action.text()));
        action.map(|action| action.number()).ok_or(Bad::Action)
    })
}

/// Ids of orders on `out`, at once where the column is as we write it.
pub(crate) fn order_ids(array: &dyn Array, out: &mut Vec<u64>, mut bad: impl FnMut(usize, Bad)) {
    if let Some(ids) = array.as_primitive_opt::<UInt64Type>().filter(|_| array.null_count() == 0) {
        out.extend_from_slice(ids.values());
        return;
    }
    let read: Read<'_, u64> = if is_text(array.data_type()) {
        text_reader(array, |text| text.trim().parse().map_err(|_| Bad::NotReadable))
    } else {
        let read = whole_reader(array);
        Box::new(move |row| u64::try_from(read(row)?).map_err(|_| Bad::NotReadable))
    };
    out.extend((0..array.len()).map(|row| {
        let id = read(row);
        id.unwrap_or_else(|problem| {
            bad(row, problem);
            0
        })
    }));
}

/// Whole numbers of a column of integers or text.
fn whole_reader(array: &dyn Array) -> Read<'_, i128> {
    let read = number_reader(array, Scaling { scale: 0, stated: Some(0), cut: false });
    Box::new(move |row| read(row).map(|(whole, _)| whole))
}

/// The side of a word: of a trade who took, of a level where it stands.
pub(crate) fn side_from_text(text: &str) -> Result<i8, Bad> {
    // As we write it ourselves, without a copy in lower case.
    match text {
        "buy" => return Ok(1),
        "sell" => return Ok(-1),
        _ => {}
    }
    match text.to_ascii_lowercase().as_str() {
        "buy" | "b" | "bid" | "buyer" | "long" | "1" => Ok(1),
        "sell" | "s" | "ask" | "a" | "seller" | "short" | "-1" => Ok(-1),
        "none" | "n" | "unknown" | "0" => Ok(0),
        _ => Err(Bad::NotReadable),
    }
}

/// Who took liquidity, given whether the buyer was the maker.
pub(crate) fn buyer_maker_from_text(text: &str) -> Result<i8, Bad> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(-1),
        "false" | "f" | "0" => Ok(1),
        _ => Err(Bad::NotReadable),
    }
}

/// Reads who took liquidity from a column of booleans or text.
pub(crate) fn buyer_maker_reader(array: &dyn Array) -> Read<'_, i8> {
    if array.data_type() != &DataType::Boolean {
        return text_reader(array, buyer_maker_from_text);
    }
    let flags = array.as_boolean();
    Box::new(move |row| match (flags.is_null(row), flags.value(row)) {
        (true, _) => Err(Bad::Missing),
        (false, true) => Ok(-1),
        (false, false) => Ok(1),
    })
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        ArrayRef, Decimal64Array, Int64Array, TimestampMicrosecondArray, TimestampMillisecondArray,
        TimestampNanosecondArray,
    };

    use super::*;

    /// Times of a column: as a whole, and cell by cell.
    fn both_ways(array: &dyn Array) -> [(Vec<i64>, Vec<usize>); 2] {
        let (mut whole, mut odd) = (Vec::new(), Vec::new());
        times(array, None, &mut whole, |row, bad| {
            assert_eq!(bad, Bad::TooLarge);
            odd.push(row);
        });
        let read = time_reader(array, None);
        let cells: Vec<_> = (0..array.len()).map(&read).collect();
        let odd_cells = (0..array.len()).filter(|row| cells[*row].is_err()).collect();
        [(whole, odd), (cells.iter().map(|cell| *cell.as_ref().unwrap_or(&0)).collect(), odd_cells)]
    }

    #[test]
    fn a_column_is_taken_as_it_is_where_it_is_what_is_wanted() {
        let cells = vec![3_i64, -1, i64::MAX, i64::MIN];
        let column = |cells: Vec<i64>| -> ArrayRef { std::sync::Arc::new(TimestampNanosecondArray::from(cells)) };
        let mut alone = column(cells.clone());
        let buffer = alone.as_primitive::<TimestampNanosecondType>().values().as_ptr();
        let taken = take_times(&mut alone, None).unwrap();
        assert_eq!((&taken, taken.as_ptr()), (&cells, buffer));
        assert_eq!(alone.len(), 0);
        // What others hold as well, or hold a part of, is copied.
        let shared = column(cells.clone());
        assert_eq!(take_times(&mut shared.clone(), None), Some(cells.clone()));
        assert_eq!(take_times(&mut shared.slice(1, 2), None), Some(cells[1..3].to_vec()));
        assert_eq!(shared.len(), 4);
        // Holes, other units and other scales need a closer look, and stay.
        let mut holes: ArrayRef = std::sync::Arc::new(TimestampNanosecondArray::from(vec![Some(1), None]));
        assert_eq!((take_times(&mut holes, None), holes.len()), (None, 2));
        let mut whole: ArrayRef = std::sync::Arc::new(Int64Array::from(cells.clone()));
        assert_eq!((take_times(&mut whole, Some(TimeUnit::Millis)), whole.len()), (None, 4));
        let scaling = |scale| Scaling { scale, stated: Some(2), cut: false };
        assert_eq!((take_numbers(&mut whole, scaling(3)), whole.len()), (None, 4));
        assert_eq!(take_numbers(&mut whole.clone(), scaling(2)), Some(cells.clone()));
        assert_eq!(take_times(&mut whole, Some(TimeUnit::Nanos)), Some(cells.clone()));
        let decimals = Decimal64Array::from(cells.clone()).with_precision_and_scale(18, 2).unwrap();
        assert_eq!(take_numbers(&mut (std::sync::Arc::new(decimals) as ArrayRef), scaling(2)), Some(cells));
    }

    #[test]
    fn a_column_of_times_is_the_same_whole_and_cell_by_cell() {
        let last = i64::MAX / 1_000;
        for steps in [vec![], vec![-1, 0, 1_700_000_000_000_000], vec![last, -last], vec![1, last + 1, 2, i64::MIN]] {
            let micros: ArrayRef = std::sync::Arc::new(TimestampMicrosecondArray::from(steps.clone()));
            let [whole, cells] = both_ways(&micros);
            assert_eq!(whole, cells, "{steps:?}");
            let millis: ArrayRef = std::sync::Arc::new(TimestampMillisecondArray::from(steps.clone()));
            let [whole, cells] = both_ways(&millis);
            assert_eq!(whole, cells, "{steps:?}");
        }
    }

    #[test]
    fn floats_of_whole_steps_are_times_to_the_last_digit() {
        let cells = vec![1_570_963_540_053.0, 1_570_963_540_053.5, -1.25, 1e300, f64::NAN];
        let array = arrow_array::Float64Array::from(cells);
        let read = time_reader(&array, Some(TimeUnit::Millis));
        let times: Vec<_> = (0..array.len()).map(read).collect();
        let expected = [
            Ok(1_570_963_540_053_000_000),
            Ok(1_570_963_540_053_500_000),
            Ok(-1_250_000),
            Err(Bad::TooLarge),
            Err(Bad::Missing),
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn decimals_of_64_bits_are_taken_as_they_are_or_rescaled() {
        let array = Decimal64Array::from(vec![15, -7]).with_precision_and_scale(18, 1).unwrap();
        for (scale, expected) in [(1, [15, -7]), (3, [1_500, -700])] {
            let mut out = Vec::new();
            let none = |row: usize| panic!("row {row} is a number");
            numbers(&array, Scaling { scale, stated: None, cut: false }, &mut out, |row, _| none(row), none);
            assert_eq!(out, expected);
        }
    }
}
