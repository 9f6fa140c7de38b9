//! The same run under other assumptions, a row each: costs multiplied, other paths through bars.
//!
//! Enters: what each run came to. Leaves: rows for the summary, the page and JSON. Deliberately absent:
//! playing them; a row is all that is kept of a run.

use serde_json::{Value, json};
use tapedeck_model::Amount;

use crate::facts::RunFacts;
use crate::metrics::Metrics;
use crate::text::{NONE, count, money, percent};

/// What one run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantRow {
    /// What was other: `x2`, `worst`.
    pub label: String,
    /// Last known equity, in the base currency.
    pub final_equity: Option<Amount>,
    /// Growth of equity, less one.
    pub total_return: Option<f64>,
    /// Largest fall from a peak, as a fraction of the peak.
    pub max_drawdown: Option<f64>,
    /// Fills.
    pub fills: u64,
    /// The run's fingerprint.
    pub fingerprint: String,
}

/// What is multiplied, as a title.
const COSTS: &str =
    "Costs multiplied: fees, slippage, funding paid, interest and liquidation fees, not spreads of the data";

/// All that were asked for; empty lists where none were.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Variants {
    /// Costs multiplied, by rising factor.
    pub cost_stress: Vec<VariantRow>,
    /// Paths through bars: worst, the chosen one, best.
    pub paths: Vec<VariantRow>,
}

impl VariantRow {
    /// The row of a run.
    pub fn of(label: String, facts: &RunFacts, fingerprint: String) -> Self {
        let metrics = Metrics::of(facts);
        Self {
            label,
            final_equity: metrics.final_equity,
            total_return: metrics.total_return,
            max_drawdown: metrics.max_drawdown,
            fills: facts.counts.fills,
            fingerprint,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "label": self.label,
            "final_equity": self.final_equity.map(|amount| amount.to_string()),
            "total_return": self.total_return,
            "max_drawdown": self.max_drawdown,
            "fills": self.fills,
            "fingerprint": self.fingerprint,
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        Some(Self {
            label: text("label")?,
            final_equity: text("final_equity").and_then(|text| Amount::parse(&text).ok()),
            total_return: number(value.get("total_return")?),
            max_drawdown: number(value.get("max_drawdown")?),
            fills: value.get("fills")?.as_u64()?,
            fingerprint: text("fingerprint")?,
        })
    }

    fn cells(&self, code: &str) -> [String; 5] {
        [
            self.label.clone(),
            self.final_equity.map_or_else(|| NONE.to_owned(), |amount| format!("{} {code}", money(amount))),
            percent(self.total_return),
            percent(self.max_drawdown),
            count(self.fills),
        ]
    }
}

/// A fraction, as text or as a number.
fn number(value: &Value) -> Option<f64> {
    value.as_str().map_or_else(|| value.as_f64(), |text| text.parse().ok())
}

/// Heads of the columns.
const HEADS: [&str; 5] = ["", "Final equity", "Return", "Max drawdown", "Fills"];

impl Variants {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.cost_stress.is_empty() && self.paths.is_empty()
    }

    /// How far apart the paths end, in the base currency: the largest final equity less the smallest.
    pub fn band(&self) -> Option<Amount> {
        let ends: Option<Vec<Amount>> = self.paths.iter().map(|row| row.final_equity).collect();
        let ends = ends?;
        ends.iter().max()?.checked_sub(*ends.iter().min()?)
    }

    /// As JSON: `cost_stress` and `path_band`, null where it was not asked for.
    pub fn to_json(&self) -> Value {
        let list = |rows: &[VariantRow]| {
            if rows.is_empty() { Value::Null } else { rows.iter().map(VariantRow::to_json).collect() }
        };
        let band = if self.paths.is_empty() {
            Value::Null
        } else {
            json!({ "width": self.band().map(|amount| amount.to_string()), "paths": list(&self.paths) })
        };
        json!({ "cost_stress": list(&self.cost_stress), "path_band": band })
    }

    /// The same with fractions as texts, so that they come back to the bit.
    pub fn to_stored(&self) -> Value {
        fn store(value: &mut Value) {
            match value {
                Value::Number(number) if number.is_f64() => *value = Value::from(number.to_string()),
                Value::Array(list) => list.iter_mut().for_each(store),
                Value::Object(map) => map.values_mut().for_each(store),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let mut value = self.to_json();
        store(&mut value);
        value
    }

    /// The reverse of [`Variants::to_stored`]; what is not understood is left out.
    pub fn from_json(value: &Value) -> Self {
        let rows = |value: Option<&Value>| -> Vec<VariantRow> {
            let list = value.and_then(Value::as_array);
            list.map(|list| list.iter().filter_map(VariantRow::from_json).collect()).unwrap_or_default()
        };
        let paths = value.get("path_band").and_then(|band| band.get("paths"));
        Self { cost_stress: rows(value.get("cost_stress")), paths: rows(paths) }
    }

    /// Titles with their tables, heads first.
    pub fn tables(&self, code: &str) -> Vec<(String, Vec<[String; 5]>)> {
        let heads = HEADS.map(str::to_owned);
        let table = |rows: &[VariantRow]| -> Vec<[String; 5]> {
            std::iter::once(heads.clone()).chain(rows.iter().map(|row| row.cells(code))).collect()
        };
        let mut tables = Vec::new();
        if !self.cost_stress.is_empty() {
            tables.push((COSTS.to_owned(), table(&self.cost_stress)));
        }
        if !self.paths.is_empty() {
            let width = self.band().map_or_else(|| NONE.to_owned(), money);
            tables.push((format!("Paths through bars, {width} {code} apart"), table(&self.paths)));
        }
        tables
    }

    /// The tables as text; empty if there are none.
    pub fn to_text(&self, code: &str) -> String {
        let mut text = String::new();
        for (title, rows) in self.tables(code) {
            text.extend(["\n", &title, "\n"]);
            let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            let widths = [width(0), width(1), width(2), width(3), width(4)];
            for row in &rows {
                let cells: Vec<String> =
                    row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
                text.extend(["  ", &cells.join("  "), "\n"]);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, equity: &str) -> VariantRow {
        VariantRow {
            label: label.to_owned(),
            final_equity: Some(Amount::parse(equity).unwrap()),
            total_return: Some(0.01),
            max_drawdown: Some(0.5),
            fills: 1234,
            fingerprint: "ab".to_owned(),
        }
    }

    #[test]
    fn rows_come_back_from_json_and_show_how_far_apart_they_are() {
        let variants = Variants {
            cost_stress: vec![row("x1", "100"), row("x2", "90.5")],
            paths: vec![row("worst", "95"), row("adaptive", "101"), row("best", "100.5")],
        };
        assert_eq!(Variants::from_json(&variants.to_stored()), variants);
        let odd = VariantRow { total_return: Some(-0.221_653_825_300_000_02), ..row("x1", "1") };
        let odd = Variants { cost_stress: vec![odd], paths: Vec::new() };
        let text = odd.to_stored().to_string();
        assert_eq!(Variants::from_json(&serde_json::from_str(&text).unwrap()), odd);
        assert_eq!(variants.band(), Some(Amount::parse("6").unwrap()));
        let text = variants.to_text("USD");
        assert!(text.contains("Paths through bars, 6.00 USD apart"), "{text}");
        assert!(text.contains("x2     90.50 USD  1.00 %       50.00 %  1,234"), "{text}");
        assert!(Variants::default().is_empty() && Variants::default().to_text("USD").is_empty());
        assert_eq!(Variants::from_json(&Variants::default().to_json()), Variants::default());
    }
}
