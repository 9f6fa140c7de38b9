//! One chart as SVG that stretches, with its labels in HTML so that they keep their size.
//!
//! Enters: buckets and marks. Leaves: markup. Lines do not scale with the picture, so a phone and
//! a printer get the same strokes. Deliberately absent: any library.

use std::fmt::Write as _;

use tapedeck_model::{Span, Ts};

use crate::series::Bucket;
use crate::text::grouped;

/// Width and height of the drawing's own coordinates.
const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 300.0;
/// More dots than these are drawn smaller.
const DOTS_LARGE_MAX: usize = 300;

/// A dot on a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dot {
    /// When.
    pub ts: Ts,
    /// At what value.
    pub value: f64,
    /// Buy (or sell).
    pub buy: bool,
}

/// What to draw.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// Style class: empty, `fall` or `price`.
    pub class: &'a str,
    /// What it shows, for those who do not see it.
    pub label: &'a str,
    /// Unit behind values, for example ` USD`.
    pub unit: &'a str,
    /// Factor from value to what is shown, for example 100 for percentages.
    pub factor: f64,
    /// The line and its band.
    pub buckets: &'a [Bucket],
    /// Dots upon it.
    pub dots: &'a [Dot],
    /// First and last instant of the axis.
    pub period: (Ts, Ts),
}

/// From values to places.
struct Axes {
    t0: f64,
    t1: f64,
    low: f64,
    high: f64,
    step: f64,
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `value`.
fn nice_step(value: f64) -> f64 {
    let mut unit = 1e-12;
    while unit * 10.0 <= value {
        unit *= 10.0;
    }
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * unit).find(|step| *step >= value).unwrap_or(unit * 10.0)
}

impl Axes {
    fn new(chart: &Chart<'_>) -> Option<Self> {
        let values = chart.buckets.iter().flat_map(|b| [b.low, b.high]).chain(chart.dots.iter().map(|d| d.value));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            (low, high) = (low.min(value), high.max(value));
        }
        if !(low.is_finite() && high.is_finite()) {
            return None;
        }
        if high - low <= high.abs().max(low.abs()) * 1e-9 {
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.01 };
            (low, high) = (low - room, high + room);
        }
        if chart.class == "fall" {
            high = 0.0;
        } else {
            let room = (high - low) * 0.04;
            (low, high) = (low - room, high + room);
        }
        let (t0, t1) = (chart.period.0.nanos() as f64, chart.period.1.nanos() as f64);
        let step = nice_step((high - low) * chart.factor / 5.0);
        Some(Self { t0, t1, low, high, step })
    }

    fn x(&self, ts: Ts) -> f64 {
        let span = self.t1 - self.t0;
        if span > 0.0 { ((ts.nanos() as f64 - self.t0) / span * WIDTH).clamp(0.0, WIDTH) } else { WIDTH / 2.0 }
    }

    fn y(&self, value: f64) -> f64 {
        (self.high - value) / (self.high - self.low) * HEIGHT
    }

    /// Decimals that tell one tick from the next.
    fn decimals(&self) -> usize {
        let whole = |digits: &i32| {
            let scaled = self.step * 10_f64.powi(*digits);
            (scaled - scaled.round()).abs() < 1e-6 * scaled && scaled >= 0.5
        };
        (0..12).find(whole).map_or(12, |digits| digits as usize)
    }

    fn ticks(&self, factor: f64) -> Vec<f64> {
        let first = (self.low * factor / self.step).ceil() as i64;
        let last = (self.high * factor / self.step).floor() as i64;
        (first..=last).take(12).map(|n| n as f64 * self.step).collect()
    }
}

/// A chart as markup; empty text if there is nothing to draw.
pub fn chart(chart: &Chart<'_>) -> String {
    let Some(axes) = Axes::new(chart) else { return String::new() };
    let low = if chart.class == "fall" { " low" } else { "" };
    let mut html = format!("<div class=\"plot {}{low}\">", chart.class);
    let _ = write!(
        html,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        super::escape(chart.label)
    );
    let mut grid = String::new();
    for tick in axes.ticks(chart.factor) {
        let _ = write!(grid, "M0 {:.1}H{WIDTH}", axes.y(tick / chart.factor));
    }
    let _ = write!(html, "<path class=\"grid\" d=\"{grid}\"/>");
    html.push_str(&band(chart.buckets, &axes, chart.class == "fall"));
    html.push_str(&line(chart.buckets, &axes));
    for buy in [true, false] {
        html.push_str(&dots(chart.dots, &axes, buy));
    }
    html.push_str("</svg>");
    html.push_str(&labels(chart, &axes));
    html.push_str(&hover(chart, &axes));
    html.push_str("</div>");
    html
}

fn band(buckets: &[Bucket], axes: &Axes, to_top: bool) -> String {
    if buckets.len() < 2 {
        return String::new();
    }
    let mut path = String::from("<path class=\"band\" d=\"");
    for (i, bucket) in buckets.iter().enumerate() {
        let top = if to_top { 0.0 } else { axes.y(bucket.high) };
        let _ = write!(path, "{}{:.1} {top:.1}", if i == 0 { 'M' } else { 'L' }, axes.x(bucket.ts_last));
    }
    for bucket in buckets.iter().rev() {
        let _ = write!(path, "L{:.1} {:.1}", axes.x(bucket.ts_last), axes.y(bucket.low));
    }
    path.push_str("Z\"/>");
    path
}

fn line(buckets: &[Bucket], axes: &Axes) -> String {
    let mut path = String::from("<path class=\"line\" d=\"");
    for (i, bucket) in buckets.iter().enumerate() {
        let at = if i == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{at}{:.1} {:.1}", axes.x(bucket.ts_last), axes.y(bucket.last));
    }
    path.push_str("\"/>");
    path
}

/// Strokes without length: round caps make them dots that do not stretch.
fn dots(all: &[Dot], axes: &Axes, buy: bool) -> String {
    // Many dots must not hide the line below them.
    let many = if all.len() > DOTS_LARGE_MAX { " many" } else { "" };
    let mut path = format!("<path class=\"{}{many}\" d=\"", if buy { "buy" } else { "sell" });
    for dot in all.iter().filter(|dot| dot.buy == buy) {
        let _ = write!(path, "M{:.1} {:.1}h0", axes.x(dot.ts), axes.y(dot.value));
    }
    path.push_str("\"/>");
    path
}

/// An instant for a label: the day, or day and minute where the axis is short.
fn when(ts: Ts, short: bool) -> String {
    let text = ts.floor_to(Span::MINUTE).to_string();
    let part = if short { text.get(5..16) } else { text.get(..10) };
    part.map_or(text.clone(), |part| part.replace('T', " "))
}

fn labels(chart: &Chart<'_>, axes: &Axes) -> String {
    let mut html = String::new();
    let decimals = axes.decimals();
    let unit = if chart.unit.contains('%') { "%" } else { "" };
    for tick in axes.ticks(chart.factor) {
        let top = axes.y(tick / chart.factor) / HEIGHT * 100.0;
        let text = grouped(&format!("{:.decimals$}", if tick == 0.0 { 0.0 } else { tick }));
        let _ = write!(html, "<div class=\"y\" style=\"top:{top:.1}%\">{text}{unit}</div>");
    }
    let (t0, t1) = chart.period;
    let span = t1.saturating_since(t0);
    let short = span < Span::from_nanos(3 * Span::DAY.nanos());
    for (quarter, class) in [(0, "x"), (1, "x mid"), (2, "x"), (3, "x mid"), (4, "x end")] {
        let ts = Ts::from_nanos(t0.nanos().saturating_add(span.nanos() / 4 * quarter));
        let left = quarter * 25;
        let _ = write!(html, "<span class=\"{class}\" style=\"left:{left}%\">{}</span>", when(ts, short));
    }
    html
}

fn hover(chart: &Chart<'_>, axes: &Axes) -> String {
    let millis = |ts: Ts| ts.nanos() / 1_000_000;
    let decimals = axes.decimals() + 1;
    let mut html =
        String::from("<div class=\"cross\"></div><div class=\"tip\"></div><script type=\"application/json\">");
    let _ = write!(html, "{{\"t0\":{},\"t1\":{},", millis(chart.period.0), millis(chart.period.1));
    let unit = serde_json::Value::from(chart.unit.replace('<', " "));
    let _ = write!(html, "\"d\":{decimals},\"u\":{unit},\"t\":[");
    for (i, bucket) in chart.buckets.iter().enumerate() {
        let _ = write!(html, "{}{}", if i == 0 { "" } else { "," }, millis(bucket.ts_last));
    }
    html.push_str("],\"v\":[");
    for (i, bucket) in chart.buckets.iter().enumerate() {
        let _ = write!(html, "{}{:.decimals$}", if i == 0 { "" } else { "," }, bucket.last * chart.factor);
    }
    html.push_str("]}</script>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_have_only_the_decimals_they_need() {
        for (low, high, factor, expected) in [
            (9_200.0, 12_300.0, 1.0, "10,000"),
            (-0.18, 0.0, 100.0, "-15"),
            (0.000_041, 0.000_049, 1.0, "0.000044"),
            (1.0, 2.0, 1.0, "1.25"),
        ] {
            let at = |nanos| Ts::from_nanos(nanos);
            let buckets = [Bucket { ts_first: at(0), ts_last: at(9), low, high, last: high }];
            let class = if factor > 1.0 { "fall" } else { "" };
            let period = (at(0), at(9));
            let html = chart(&Chart { class, label: "", unit: "", factor, buckets: &buckets, dots: &[], period });
            assert!(html.contains(&format!("\">{expected}</div>")), "{expected}: {html}");
        }
    }
}
