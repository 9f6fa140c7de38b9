//! Whether a position was rightly taken away, by the plainest arithmetic.
//!
//! Enters: margin terms, liquidations, what the fills say is held. Leaves: what does not hold. Marks of
//! other instruments are not in the journal: the balance is recomputed where the position was the only
//! one of its currency and every instrument of it is on cross margin.

use std::collections::BTreeMap;

use tapedeck_model::instrument::InstrumentKind;
use tapedeck_model::margin::{Liquidation, LiquidationShare, MaintenanceBasis, MarginMode, MarginTerms};
use tapedeck_model::{Amount, Instrument, InstrumentIx, PositionSide, Qty, Side};

use super::{Held, Wallet};
use crate::names::{Names, PositionKey};

/// How far sums of rounded quotients may lie apart: 1e-18 of a coin.
const COIN_ROUNDING: Amount = Amount::from_raw(1_000_000);

/// What is known of margin.
#[derive(Debug, Clone, Default)]
pub(super) struct MarginAudit {
    terms: BTreeMap<InstrumentIx, MarginTerms>,
    /// The last stage, with the signed quantity that is not shared yet.
    last: Option<(Liquidation, i64)>,
}

type Positions = BTreeMap<PositionKey, Held>;

impl MarginAudit {
    pub(super) fn declare(&mut self, instrument: InstrumentIx, terms: &MarginTerms) {
        self.terms.insert(instrument, terms.clone());
    }

    /// What does not hold of a stage.
    pub(super) fn liquidated(
        &mut self,
        names: &Names,
        held: &Positions,
        cash: &BTreeMap<Wallet, Amount>,
        stage: &Liquidation,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if let Some((_, left)) = self.last.replace((*stage, stage.side.sign() * stage.last_qty.raw()))
            && left != 0
        {
            found.push(format!("{left} of the liquidation before was not shared"));
        }
        let stage_side = names.side_of(stage.instrument, stage.net_qty);
        let of_side = |side| {
            let of_it = move |key: &PositionKey| key.1 == stage.instrument && key.2 == side;
            held.iter().filter(move |(key, _)| of_it(key)).map(|(_, held)| *held)
        };
        let own = || of_side(stage_side);
        let net: i64 = own().map(|held| held.qty).sum();
        if net != stage.net_qty.raw() {
            found.push(format!("the venue liquidates a position of {}, by the fills it is {net}", stage.net_qty.raw()));
        }
        if stage.margin_balance > stage.maintenance {
            found.push(format!("{} was liquidated above its maintenance {}", stage.margin_balance, stage.maintenance));
        }
        let worse = (stage.last_px.raw() - stage.mark_px.raw()) * stage.side.sign();
        let closes = (stage.side == Side::Sell) == (stage.net_qty > Qty::ZERO);
        if worse < 0 || !closes || stage.last_qty.raw() > stage.net_qty.raw().abs() {
            found.push("a liquidation does not reduce, or is better than the mark".to_owned());
        }
        let (Some(instrument), Some(terms)) = (names.instrument(stage.instrument), self.terms.get(&stage.instrument))
        else {
            found.push("a liquidation without margin terms".to_owned());
            return found;
        };
        let wallet = |one: &Instrument| (names.venue_of(one), one.settlement);
        let alone = held.iter().all(|((_, ix, _), held)| {
            *ix == stage.instrument
                || held.qty == 0 && held.cost == Amount::ZERO
                || names.instrument(*ix).is_some_and(|other| wallet(other) != wallet(instrument))
        });
        let elsewhere = |ix| names.instrument(ix).is_some_and(|other| wallet(other).0 != wallet(instrument).0);
        let cross = self.terms.iter().all(|(ix, terms)| terms.mode == MarginMode::Cross || elsewhere(*ix));
        let sides: &[Option<PositionSide>] = match stage_side {
            None => &[None],
            Some(_) => &[Some(PositionSide::Long), Some(PositionSide::Short)],
        };
        // Over several strategies the venue's own average entry is not the sum of theirs.
        let entry_known = terms.basis == MaintenanceBasis::Mark || sides.iter().all(|side| of_side(*side).count() <= 1);
        if !(alone && cross && entry_known) {
            return found;
        }
        let wallet = cash.get(&wallet(instrument)).copied().unwrap_or_default();
        // In hedge mode both positions stand against the wallet, each with a maintenance margin of its own.
        let expected = sides.iter().try_fold((wallet, Amount::ZERO), |sums, side| {
            let sum = |sum: Option<Held>, held: Held| {
                let sum = sum?;
                Some(Held { qty: sum.qty.checked_add(held.qty)?, cost: sum.cost.checked_add(held.cost)? })
            };
            let held = of_side(*side).fold(Some(Held::default()), sum)?;
            plain(instrument, terms, stage, (sums, held))
        });
        // Quotients of several strategies are rounded in other parts than the venue's.
        let rounding = if instrument.kind == InstrumentKind::Inverse { COIN_ROUNDING } else { Amount::ZERO };
        let near = |found: Amount, said: Amount| {
            found.checked_sub(said).and_then(Amount::checked_abs).is_some_and(|off| off <= rounding)
        };
        let holds = expected.is_some_and(|(balance, maintenance)| {
            near(balance, stage.margin_balance) && near(maintenance, stage.maintenance)
        });
        if !holds {
            found.push(format!(
                "margin balance and maintenance are said to be {} and {}, by the fills {expected:?}",
                stage.margin_balance, stage.maintenance
            ));
        }
        found
    }

    /// What does not hold of a share.
    pub(super) fn shared(&mut self, share: &LiquidationShare) -> Option<String> {
        let Some((stage, left)) = &mut self.last else { return Some("a share without a liquidation".to_owned()) };
        *left -= share.side.sign() * share.last_qty.raw();
        let same = stage.instrument == share.instrument && stage.last_px == share.last_px;
        (!same).then(|| "a share is not of the liquidation before it".to_owned())
    }
}

/// Margin balance and maintenance margin with one position more; `None` on overflow.
fn plain(
    instrument: &Instrument,
    terms: &MarginTerms,
    stage: &Liquidation,
    ((wallet, needed), Held { qty, cost }): ((Amount, Amount), Held),
) -> Option<(Amount, Amount)> {
    if qty == 0 {
        return Some((wallet, needed));
    }
    let value = instrument.notional(stage.mark_px, Qty::from_raw(qty))?;
    let profit = match instrument.kind {
        InstrumentKind::Spot | InstrumentKind::Linear => value.checked_sub(cost)?,
        InstrumentKind::Inverse => cost.checked_sub(value)?,
    };
    let balance = wallet.checked_add(profit)?;
    let basis = match terms.basis {
        MaintenanceBasis::Mark => value.checked_abs()?,
        MaintenanceBasis::Entry => cost.checked_abs()?,
    };
    let table = terms.tables.iter().rfind(|table| table.from <= stage.ts_event)?;
    let bracket = table.brackets.iter().rfind(|bracket| bracket.floor < basis)?;
    let maintenance = basis.mul_div(bracket.rate, 1_000_000_000_000)?.checked_sub(bracket.cum)?;
    Some((balance, needed.checked_add(maintenance)?))
}
