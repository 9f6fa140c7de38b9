//! What a spot account may borrow: rates by currency and date, levels.

use tapedeck_kernel::account::{AccountKind, LEVERAGE_ONE};
use tapedeck_kernel::spec::VenueAccount;
use tapedeck_kernel::venue::{LoanRules, LoanSpec};
use tapedeck_model::loan::{BorrowTerms, DatedRate};
use tapedeck_model::{CurrencyIx, Ts};

use super::margin::{LEVERAGE_DECIMALS, RATE_DECIMALS, scaled};
use super::{Builder, Tables};
use crate::scenario::Section;

impl Builder<'_> {
    pub(super) fn loan_leverage(&mut self, own: &Section) -> i64 {
        self.take(own, scaled(own, "leverage", LEVERAGE_DECIMALS)).unwrap_or(LEVERAGE_ONE)
    }

    /// Rates of what can be borrowed, by currency; none unless the account is one that borrows.
    pub(super) fn loan_rates(&mut self, tables: &Tables, accounts: &[VenueAccount]) -> Vec<(CurrencyIx, BorrowTerms)> {
        let mut all: Vec<(CurrencyIx, BorrowTerms)> = Vec::new();
        if !accounts.iter().any(|account| matches!(account.kind, AccountKind::SpotMargin { .. })) {
            return all;
        }
        // Sorted by currency and date since the scenario was resolved.
        let scenario = self.scenario;
        for item in &scenario.borrow {
            let currency = item.own.text("currency").and_then(|code| tables.currency(&code));
            let daily_rate = self.stressed_rate(&item.own, "daily_rate");
            let (Some(currency), Some(daily_rate)) = (currency, daily_rate) else { continue };
            let from = item.own.params.time_opt("from").ok().flatten().unwrap_or(Ts::MIN);
            let rate = DatedRate { from, daily_rate };
            match all.last_mut().filter(|(last, _)| *last == currency) {
                Some((_, terms)) => terms.rates.push(rate),
                None => all.push((currency, BorrowTerms { rates: vec![rate] })),
            }
        }
        all.sort_by_key(|(currency, _)| *currency);
        all
    }

    /// What the venue is told of an account that borrows, which is the only one of its run.
    pub(super) fn loan_spec(
        &mut self,
        rates: &[(CurrencyIx, BorrowTerms)],
        account: &VenueAccount,
        (currencies, quote): (usize, CurrencyIx),
    ) -> Option<LoanSpec> {
        if !matches!(account.kind, AccountKind::SpotMargin { .. }) {
            return None;
        }
        let scenario = self.scenario;
        let own = scenario.accounts().first()?.own;
        let fee = self.stressed_rate(own, "liquidation_fee")?;
        // In basis points of 1e-4 each.
        let slippage = self.take(own, scaled(own, "liquidation_slippage", RATE_DECIMALS - 4))?;
        let leverage = self.take(own, scaled(own, "leverage", LEVERAGE_DECIMALS))?;
        let call = self.take(own, scaled(own, "margin_call", LEVERAGE_DECIMALS))?;
        let level = self.take(own, scaled(own, "liquidation_level", LEVERAGE_DECIMALS))?;
        let on = own.params.bool("liquidation").unwrap_or(true);
        let rules = LoanRules { leverage, on, call, level, fee, slippage };
        Some(LoanSpec { rates: rates.to_vec(), wallets: account.deposits.clone(), currencies, quote, rules })
    }
}
