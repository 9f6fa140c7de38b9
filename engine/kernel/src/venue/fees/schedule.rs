//! Fees by a schedule: maker and taker rates by our own volume of the last days, with dates.
//!
//! Enters: fills. Leaves: fees, the volume of each day, and on what terms a token pays for them. Invariants: the tier
//! of a day is that of the whole days before it, so no fill of a day changes what another of that day costs; memory is
//! the days of the window. Source: the schedules that exchanges publish ("30-day trading volume, updated daily at 00:00
//! UTC").

use std::collections::VecDeque;

use tapedeck_model::instrument::InstrumentKind;
use tapedeck_model::number::{SCALE_MAX, parse_decimal};
use tapedeck_model::param::{ParamError, ParamKind, ParamSpec, Params};
use tapedeck_model::port::{FeeModel, FeeQuery, TokenTerms};
use tapedeck_model::{Amount, CurrencyIx, Decimal, Instrument, Liquidity, Price, Span, Ts};

use super::{FEE_DECIMALS, Rate, ceil_div, charged_in, decimals_of};

/// Decimals that a rate and the discount may have each; with those of a fill's value they must fit money.
const RATE_DECIMALS_MAX: u8 = SCALE_MAX;

pub(super) const PARAMS: &[ParamSpec] = &[
    ParamSpec::required(
        "tiers",
        ParamKind::Texts,
        "[DATE] VOLUME MAKER TAKER",
        "Each a tier: from this date on (absent: always), with at least this volume in the window, these fractions of \
         value. A negative maker rate is a rebate. A date begins a new table.",
    ),
    ParamSpec::required(
        "volume_in",
        ParamKind::Choice(&["quote", "base"]),
        "",
        "Whether volume is counted as value, in the quote currency, or as quantity of the base asset.",
    )
    .or("quote"),
    ParamSpec::required("window", ParamKind::Span, "whole days", "Days before the present one whose volume counts.")
        .or("30d"),
    ParamSpec::required(
        "volume_before",
        ParamKind::Decimal { min: "0", max: "10000000000000" },
        "units of volume",
        "Volume per window before the run: it counts in equal parts for the days of the window before the first fill.",
    )
    .or("0"),
    ParamSpec::required(
        "discount",
        ParamKind::Decimal { min: "0", max: "1" },
        "fraction of the fee",
        "Taken off fees (not added to rebates). With `token`: off those that are paid in it. Without: off each, which is booked \
         in the usual currency all the same, as if the venue's token were bought for it at that moment.",
    )
    .or("0"),
    ParamSpec::optional(
        "token",
        ParamKind::Text,
        "currency code",
        "The venue's own token: fees are paid in it, less `discount`, as long as the account has enough of it and its price is \
         known; else in the usual currency, without the discount.",
    ),
    ParamSpec::optional(
        "token_instrument",
        ParamKind::Text,
        "",
        "The instrument of this venue that deals in the token, in the currency in which fees are charged: its last price \
         converts them.",
    ),
    ParamSpec::optional(
        "token_decimals",
        ParamKind::Int { min: 0, max: 24 },
        "decimals",
        "Fees in the token are rounded up to so many decimals; with `token` 8 if it is not said.",
    ),
    FEE_DECIMALS,
];

/// Decimals of fees in a token, where they are not said: those of balances at Binance.
const TOKEN_DECIMALS: u8 = 8;

/// One tier of a table.
#[derive(Debug, Clone, Copy)]
struct Tier {
    from: Ts,
    volume: Amount,
    maker: Rate,
    taker: Rate,
}

/// Volume of a day, by its number since the epoch.
#[derive(Debug, Clone, Copy)]
struct Day {
    number: i64,
    volume: Amount,
}

struct Schedule {
    /// By date, then by volume.
    tiers: Vec<Tier>,
    in_base: bool,
    window_days: i64,
    before: Amount,
    /// 1 - discount; 1 where only fees in the token are discounted.
    kept: Rate,
    token: Option<TokenTerms>,
    unit: i128,
    days: VecDeque<Day>,
    /// Number of the day of the first fill.
    first_day: Option<i64>,
}

fn day_of(ts: Ts) -> i64 {
    ts.nanos().div_euclid(Span::DAY.nanos())
}

impl Schedule {
    /// What counts of the window before a day.
    fn volume_before(&self, day: i64) -> Amount {
        let first = day.saturating_sub(self.window_days);
        let own = self.days.iter().filter(|entry| (first..day).contains(&entry.number));
        let own = own.map(|entry| entry.volume).try_fold(Amount::ZERO, Amount::checked_add);
        // Days before the first fill bear their part of what was traded before the run.
        let blank = self.first_day.map_or(self.window_days, |first_day| first_day.saturating_sub(first));
        let before = self.before.mul_div(blank.clamp(0, self.window_days), self.window_days);
        own.zip(before).and_then(|(own, before)| own.checked_add(before)).unwrap_or(Amount::MAX)
    }

    /// The tier of a moment. There always is one: the first is checked to hold always and from zero.
    fn tier_at(&self, ts: Ts) -> &Tier {
        let volume = self.volume_before(day_of(ts));
        let table = self.tiers.iter().rfind(|tier| tier.from <= ts).map_or(Ts::MIN, |tier| tier.from);
        let fitting = self.tiers.iter().rfind(|tier| tier.from == table && tier.volume <= volume);
        fitting.unwrap_or(&self.tiers[0])
    }

    fn volume_of(&self, query: &FeeQuery<'_>) -> Option<Amount> {
        let value = match (query.instrument.kind, self.in_base) {
            (InstrumentKind::Spot | InstrumentKind::Linear, true) => query.instrument.base_amount(query.qty),
            (InstrumentKind::Spot | InstrumentKind::Linear, false) | (InstrumentKind::Inverse, true) => {
                Some(query.notional)
            }
            // The same at every price.
            (InstrumentKind::Inverse, false) => query.instrument.quote_value(Price::ZERO, query.qty),
        };
        value?.checked_abs()
    }
}

impl FeeModel for Schedule {
    fn fee(&self, query: &FeeQuery<'_>) -> Option<(Amount, CurrencyIx)> {
        let tier = self.tier_at(query.ts);
        let rate = match query.liquidity {
            Liquidity::Maker => tier.maker,
            Liquidity::Taker => tier.taker,
        };
        let full = rate.of_value(query.instrument, query.notional)?;
        let exact = if full > Amount::ZERO { self.kept.of_value(query.instrument, full)? } else { full };
        Some((Amount::from_raw(ceil_div(exact.raw(), self.unit).checked_mul(self.unit)?), charged_in(query.instrument)))
    }

    fn token_terms(&self) -> Option<&TokenTerms> {
        self.token.as_ref()
    }

    fn rate_max(&self) -> i64 {
        let rates = self.tiers.iter().flat_map(|tier| [tier.maker, tier.taker]);
        rates.map(Rate::ceil_12).max().unwrap_or(0).max(0)
    }

    fn wants_fills(&self) -> bool {
        true
    }

    fn on_fill(&mut self, query: &FeeQuery<'_>) {
        let number = day_of(query.ts);
        let volume = self.volume_of(query).unwrap_or(Amount::MAX);
        self.first_day = Some(self.first_day.map_or(number, |first| first.min(number)));
        // A fill on a bar's path may bear a time before that of the last one.
        match self.days.iter_mut().rfind(|day| day.number == number) {
            Some(day) => day.volume = day.volume.checked_add(volume).unwrap_or(Amount::MAX),
            None => {
                let at = self.days.partition_point(|day| day.number < number);
                self.days.insert(at, Day { number, volume });
            }
        }
        while self.days.front().is_some_and(|day| day.number < number.saturating_sub(self.window_days + 1)) {
            self.days.pop_front();
        }
    }
}

pub(super) fn build(params: &Params, instruments: &[&Instrument]) -> Result<Box<dyn FeeModel>, ParamError> {
    let mut tiers = params.texts("tiers")?.iter().map(|text| tier(text)).collect::<Result<Vec<_>, ParamError>>()?;
    tiers.sort_by_key(|tier| (tier.from, tier.volume));
    let wrong = |problem: String| ParamError::new("tiers", problem);
    if tiers.first().is_none_or(|tier| tier.from != Ts::MIN || tier.volume != Amount::ZERO) {
        return Err(wrong("the first table needs a tier without a date and with volume 0".to_owned()));
    }
    for pair in tiers.windows(2) {
        let [before, after] = pair else { continue };
        if before.from == after.from && before.volume == after.volume {
            return Err(wrong(format!("two tiers begin at volume {}", after.volume)));
        }
        if before.from != after.from && after.volume != Amount::ZERO {
            return Err(wrong(format!("the table from {} needs a tier with volume 0", after.from)));
        }
    }
    let in_base = params.text("volume_in")? == "base";
    let counted = |one: &Instrument| if in_base { one.base } else { one.quote };
    if let [first, rest @ ..] = instruments
        && rest.iter().any(|other| counted(other) != counted(first))
    {
        let problem = "the instruments of the venue have several currencies, whose volumes do not add up";
        return Err(ParamError::new("volume_in", problem));
    }
    let window = params.span("window")?;
    if window < Span::DAY || window.nanos() % Span::DAY.nanos() != 0 {
        return Err(ParamError::new("window", "must be a whole number of days, at least one"));
    }
    let discount = params.decimal("discount")?;
    let token = token_terms(params, Decimal::ONE - discount, instruments)?;
    let kept = Rate::new(if token.is_some() { Decimal::ONE } else { Decimal::ONE - discount });
    let finest = tiers.iter().flat_map(|tier| [tier.maker.decimals, tier.taker.decimals]).max().unwrap_or(0);
    for instrument in instruments {
        let needed = u32::from(finest) + u32::from(kept.decimals) + u32::from(instrument.notional_scale());
        if needed > u32::from(Amount::SCALE) {
            let problem = format!(
                "rates, discount and the value of a fill of {} have {needed} decimals together, at most {} are possible",
                instrument.id,
                Amount::SCALE
            );
            return Err(ParamError::new("tiers", problem));
        }
    }
    Ok(Box::new(Schedule {
        tiers,
        in_base,
        window_days: window.nanos() / Span::DAY.nanos(),
        before: Amount::from_decimal(params.decimal("volume_before")?)
            .map_err(|error| ParamError::new("volume_before", error.to_string()))?,
        kept,
        token,
        unit: decimals_of(params)?,
        days: VecDeque::new(),
        first_day: None,
    }))
}

/// On what terms fees are paid in the venue's token, if they are.
fn token_terms(params: &Params, kept: Decimal, instruments: &[&Instrument]) -> Result<Option<TokenTerms>, ParamError> {
    let wrong = |name: &str, problem: String| Err(ParamError::new(name, problem));
    let Some(code) = params.text_opt("token")? else {
        for name in ["token_instrument", "token_decimals"] {
            if params.contains(name) {
                return wrong(name, "says how fees are paid in a `token`, and none is given".to_owned());
            }
        }
        return Ok(None);
    };
    if kept.normalize().scale() > u32::from(RATE_DECIMALS_MAX) {
        return wrong("discount", format!("has more than {RATE_DECIMALS_MAX} decimals"));
    }
    let Some(name) = params.text_opt("token_instrument")? else {
        let problem = format!("is missing: which instrument of the venue says what {code} is worth?");
        return wrong("token_instrument", problem);
    };
    let Some(priced) = instruments.iter().find(|one| one.id.symbol == name || one.id.to_string() == name) else {
        return wrong("token_instrument", format!("the venue has no instrument `{name}`"));
    };
    for instrument in instruments {
        if instrument.kind == InstrumentKind::Inverse {
            return wrong("token", format!("{} settles in coin: its fees are not paid in {code}", instrument.id));
        }
        if charged_in(instrument) == priced.base {
            return wrong("token", format!("fees of {} are in {code} already", instrument.id));
        }
        if charged_in(instrument) != priced.quote {
            let problem =
                format!("{name} does not say what {code} is worth in the currency of the fees of {}", instrument.id);
            return wrong("token_instrument", problem);
        }
    }
    let decimals = params.int_opt("token_decimals")?.map_or(Ok(TOKEN_DECIMALS), |decimals| {
        u8::try_from(decimals).map_err(|_| ParamError::new("token_decimals", "must lie between 0 and 24"))
    })?;
    Ok(Some(TokenTerms { token: priced.base, kept, decimals, instrument: priced.ix }))
}

/// `[DATE] VOLUME MAKER TAKER`.
fn tier(text: &str) -> Result<Tier, ParamError> {
    let wrong = |what: &str| {
        let problem = format!("`{text}` {what}: write \"VOLUME MAKER TAKER\", or a date before it");
        ParamError::new("tiers", problem)
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (from, words) = match words.as_slice() {
        [date, rest @ ..] if rest.len() == 3 => {
            (date.parse::<Ts>().map_err(|_| wrong("does not begin with a date"))?, rest)
        }
        three if three.len() == 3 => (Ts::MIN, three),
        _ => return Err(wrong("has not three or four words")),
    };
    let [volume, maker, taker] = words else { return Err(wrong("has not three or four words")) };
    let volume = Amount::parse(volume).map_err(|_| wrong("has a volume that is no decimal"))?;
    let rate = |word: &str| -> Result<Rate, ParamError> {
        let value = parse_decimal(word).map_err(|_| wrong("has a rate that is no decimal"))?;
        // A percentage by mistake is a hundred times too much.
        let bound = Decimal::new(1, 1);
        if value > bound || value < -bound || value.normalize().scale() > u32::from(RATE_DECIMALS_MAX) {
            return Err(wrong("has a rate that is no fraction from -0.1 to 0.1 with at most 12 decimals"));
        }
        Ok(Rate::new(value))
    };
    if volume < Amount::ZERO {
        return Err(wrong("has a volume below zero"));
    }
    let (maker, taker) = (rate(maker)?, rate(taker)?);
    if taker.num < 0 {
        return Err(wrong("has a taker rate below zero"));
    }
    Ok(Tier { from, volume, maker, taker })
}

#[cfg(test)]
mod tests;
