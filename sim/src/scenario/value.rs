//! One value against its specification.
//!
//! Enters: a [`Node`] or the text of a default. Leaves: a [`ParamValue`], or what is wrong with it.
//! Decimals are read from the text as written, never from a float.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tapedeck_model::number::parse_decimal;
use tapedeck_model::param::{ParamKind, ParamValue};
use tapedeck_model::{Decimal, Span, Ts};

use super::document::{Entry, Node, Place, Value};
use super::problem::{Problem, suggest};

/// What is wrong with a value: message and help, and where, if that is not the value as a whole.
struct Wrong {
    code: &'static str,
    message: String,
    help: Option<String>,
    element: Option<Place>,
}

type Read = Result<ParamValue, Wrong>;

impl Wrong {
    fn new(code: &'static str, message: String) -> Self {
        Self { code, message, help: None, element: None }
    }

    fn kind(expected: &str, value: &Value) -> Self {
        Self::new("scenario::wrong_type", format!("must be {expected}, not {}", value.describe()))
    }

    /// Points at one element of a list or table.
    fn at(mut self, node: &Node) -> Self {
        self.element = Some(node.place.clone());
        self
    }

    fn help(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }
}

/// Reads a value of the key `name`.
///
/// # Errors
/// A [`Problem`] at the value.
pub fn read(name: &str, kind: &ParamKind, node: &Node) -> Result<ParamValue, Problem> {
    read_kind(kind, &node.value).map_err(|wrong| {
        let place = wrong.element.unwrap_or_else(|| node.place.clone());
        let problem = Problem::new(wrong.code, format!("`{name}` {}", wrong.message), place);
        Problem { help: wrong.help, ..problem }
    })
}

/// Reads a default, written as in a scenario but without quotes.
///
/// # Panics
/// If the table of parameters is wrong: a test reads every default.
pub fn read_default(name: &str, kind: &ParamKind, text: &str) -> ParamValue {
    let value = match kind {
        ParamKind::Int { .. } => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Int),
        ParamKind::Bool => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Bool),
        ParamKind::Decimal { .. }
        | ParamKind::Text
        | ParamKind::Choice(_)
        | ParamKind::Span
        | ParamKind::Time
        | ParamKind::Texts
        | ParamKind::DecimalList { .. } => Value::Text(text.to_owned()),
        ParamKind::Decimals | ParamKind::TextMap => Value::Table(Vec::new()),
    };
    match read_kind(kind, &value) {
        Ok(value) => value,
        Err(wrong) => panic!("the default `{text}` of `{name}` {}", wrong.message),
    }
}

fn read_kind(kind: &ParamKind, value: &Value) -> Read {
    match kind {
        ParamKind::Int { min, max } => read_int(*min, *max, value),
        ParamKind::Decimal { min, max } => read_bounded_decimal(min, max, value),
        ParamKind::Bool => match value {
            Value::Bool(value) => Ok(ParamValue::Bool(*value)),
            other => Err(Wrong::kind("true or false", other)),
        },
        ParamKind::Text => read_text(value).map(ParamValue::Text),
        ParamKind::Choice(words) => read_choice(words, value),
        ParamKind::Span => read_span(value),
        ParamKind::Time => read_time(value),
        ParamKind::Texts => read_texts(value),
        ParamKind::DecimalList { min, max } => read_decimal_list(min, max, value),
        ParamKind::Decimals => read_table("{ USD = \"10000\" }", value, read_decimal).map(ParamValue::Decimals),
        ParamKind::TextMap => read_table("{ ts = \"timestamp\" }", value, read_text).map(ParamValue::TextMap),
    }
}

fn read_table<T>(
    example: &str,
    value: &Value,
    read: fn(&Value) -> Result<T, Wrong>,
) -> Result<BTreeMap<String, T>, Wrong> {
    let Value::Table(pairs) = value else { return Err(Wrong::kind(&format!("a table such as `{example}`"), value)) };
    let read = |pair: &Entry| Ok((pair.key.clone(), read(&pair.node.value).map_err(|wrong| wrong.at(&pair.node))?));
    pairs.iter().map(read).collect()
}

fn read_int(min: i64, max: i64, value: &Value) -> Read {
    let Value::Int(number) = value else { return Err(Wrong::kind("a whole number", value)) };
    if (min..=max).contains(number) {
        return Ok(ParamValue::Int(*number));
    }
    let bounds = if max == i64::MAX { format!("at least {min}") } else { format!("from {min} to {max}") };
    Err(Wrong::new("scenario::out_of_bounds", format!("must be {bounds}, not {number}")))
}

fn read_decimal(value: &Value) -> Result<Decimal, Wrong> {
    let text = match value {
        Value::Int(number) => return Ok(Decimal::from(*number)),
        Value::Text(text) | Value::Number(text) => text,
        other => return Err(Wrong::kind("a decimal such as \"0.001\"", other)),
    };
    parse_decimal(text).map(|number| number.normalize()).map_err(|_| {
        Wrong::new("scenario::wrong_type", format!("must be a decimal such as \"0.001\", not \"{text}\""))
            .help("at most 28 digits; no unit, no percent sign".to_owned())
    })
}

fn read_bounded_decimal(min: &str, max: &str, value: &Value) -> Read {
    let number = read_decimal(value)?;
    let below = parse_decimal(min).is_ok_and(|min| number < min);
    let above = parse_decimal(max).is_ok_and(|max| number > max);
    if below || above {
        return Err(Wrong::new("scenario::out_of_bounds", format!("must be from {min} to {max}, not {number}")));
    }
    Ok(ParamValue::Decimal(number))
}

fn read_text(value: &Value) -> Result<String, Wrong> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(Wrong::kind("a text", other)),
    }
}

fn read_choice(words: &[&str], value: &Value) -> Read {
    let text = read_text(value)?;
    if words.contains(&text.as_str()) {
        return Ok(ParamValue::Text(text));
    }
    let message = format!("must be one of {}, not \"{text}\"", words.join(", "));
    Err(Wrong::new("scenario::unknown_choice", message).help(suggest(&text, words.iter().copied())))
}

fn read_span(value: &Value) -> Read {
    match value {
        Value::Text(text) => text
            .parse::<Span>()
            .map(ParamValue::Span)
            .map_err(|error| Wrong::new("scenario::wrong_unit", format!("is not a duration: {error}"))),
        Value::Int(number) => Err(Wrong::new("scenario::wrong_unit", format!("has no unit: {number} of what?"))
            .help(format!("write for example \"{number}ms\"; units are ns, us, ms, s, m, h, d, w"))),
        other => Err(Wrong::kind("a duration such as \"250ms\"", other)),
    }
}

fn read_time(value: &Value) -> Read {
    match value {
        Value::Text(text) | Value::Time(text) => text
            .parse::<Ts>()
            .map(ParamValue::Time)
            .map_err(|error| Wrong::new("scenario::wrong_type", format!("is not a time: {error}"))),
        other => Err(Wrong::kind("a time such as \"2022-01-01T00:00:00Z\"", other)),
    }
}

fn read_texts(value: &Value) -> Read {
    let texts = match value {
        Value::Text(text) => vec![text.clone()],
        Value::List(items) => {
            let read = |item: &Node| read_text(&item.value).map_err(|wrong| wrong.at(item));
            items.iter().map(read).collect::<Result<_, _>>()?
        }
        other => return Err(Wrong::kind("a text or a list of texts", other)),
    };
    if texts.is_empty() {
        return Err(Wrong::new("scenario::empty_list", "must not be empty".to_owned()));
    }
    Ok(ParamValue::Texts(texts))
}

fn read_decimal_list(min: &str, max: &str, value: &Value) -> Read {
    let read = |value: &Value| match read_bounded_decimal(min, max, value)? {
        ParamValue::Decimal(number) => Ok(number),
        _ => Err(Wrong::kind("a decimal", value)),
    };
    let numbers = match value {
        Value::List(items) => {
            let read = |item: &Node| read(&item.value).map_err(|wrong| wrong.at(item));
            items.iter().map(read).collect::<Result<Vec<Decimal>, Wrong>>()?
        }
        other => vec![read(other)?],
    };
    if numbers.is_empty() {
        return Err(Wrong::new("scenario::empty_list", "must not be empty".to_owned()));
    }
    Ok(ParamValue::DecimalList(numbers))
}

/// A value as it is written in a scenario.
pub fn print(value: &ParamValue) -> String {
    match value {
        ParamValue::Int(number) => number.to_string(),
        ParamValue::Decimal(number) => quote(&number.normalize().to_string()),
        ParamValue::Bool(value) => value.to_string(),
        ParamValue::Text(text) => quote(text),
        ParamValue::Span(span) => quote(&span.to_string()),
        ParamValue::Time(time) => quote(&time.to_string()),
        ParamValue::Texts(texts) => {
            format!("[{}]", texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", "))
        }
        ParamValue::DecimalList(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(|number| quote(&number.normalize().to_string())).collect();
            format!("[{}]", numbers.join(", "))
        }
        ParamValue::Decimals(pairs) => print_table(pairs.iter().map(|(k, v)| (k, quote(&v.normalize().to_string())))),
        ParamValue::TextMap(pairs) => print_table(pairs.iter().map(|(k, v)| (k, quote(v)))),
    }
}

fn print_table<'a>(pairs: impl Iterator<Item = (&'a String, String)>) -> String {
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{} = {value}", print_key(key))).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn print_key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { quote(key) }
}

fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                // Writing into a `String` cannot fail.
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
