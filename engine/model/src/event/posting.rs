//! Postings of the double-entry ledger.

use crate::ids::CurrencyIx;
use crate::number::Amount;
use crate::order::numbered;

numbered! {
    /// Accounts of the double-entry ledger.
    LedgerAccount {
        /// What we hold at the venue.
        Cash = 1 "cash",
        /// The other side of every exchange of assets.
        Trading = 2 "trading",
        /// Fees paid.
        Fees = 3 "fees",
        /// Realised profit and loss of contracts.
        RealizedPnl = 4 "realized_pnl",
        /// Deposits and withdrawals.
        Capital = 5 "capital",
        /// Funding of contracts: paid above zero, received below.
        Funding = 6 "funding",
        /// The venue's insurance fund: liquidation fees paid to it, losses covered by it.
        InsuranceFund = 9 "insurance_fund",
        /// Interest on what was borrowed.
        Interest = 10 "interest",
        /// What has left one account and not arrived at another yet: over all accounts the sum is under way.
        Transit = 75 "transit",
        /// The other side of what an asset's change of units adds and takes.
        Redenomination = 85 "redenomination",
    }
}

numbered! {
    /// Why money moved.
    PostingReason {
        /// Money put in at the start.
        Deposit = 1 "deposit",
        /// A fill: exchange of assets, or realised profit, and its fee.
        Fill = 2 "fill",
        /// Funding of a position.
        Funding = 3 "funding",
        /// A position was settled at its contract's expiry.
        Settlement = 4 "settlement",
        /// A strategy's share of a liquidation: realised profit, and the liquidation fee.
        Liquidation = 6 "liquidation",
        /// The insurance fund covered a loss beyond the wallet.
        Insurance = 7 "insurance",
        /// Money taken out during the run.
        Withdrawal = 50 "withdrawal",
        /// Something given to us by the venue or an issuer.
        Airdrop = 51 "airdrop",
        /// A transfer between venues leaves an account, or arrives at one.
        Transfer = 75 "transfer",
        /// What a spot account held of an instrument was exchanged or lost as that was taken off the venue.
        Delisting = 80 "delisting",
        /// Interest on what was borrowed; it is owed from then on.
        Interest = 81 "interest",
        /// The units of an asset changed.
        Redenomination = 85 "redenomination",
    }
}

/// One line of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingLine {
    /// Which ledger account.
    pub account: LedgerAccount,
    /// In what.
    pub currency: CurrencyIx,
    /// How much is added (below zero: taken).
    pub amount: Amount,
}

/// The most lines one posting can have.
pub const POSTING_LINES_MAX: usize = 6;

/// Lines of one posting, inline: a fill posts without touching the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingLines {
    len: u8,
    lines: [PostingLine; POSTING_LINES_MAX],
}

impl PostingLines {
    /// No lines.
    pub const fn new() -> Self {
        let none = PostingLine { account: LedgerAccount::Cash, currency: CurrencyIx(0), amount: Amount::ZERO };
        Self { len: 0, lines: [none; POSTING_LINES_MAX] }
    }

    /// Adds a line.
    ///
    /// # Panics
    /// If there are already [`POSTING_LINES_MAX`].
    pub fn push(&mut self, account: LedgerAccount, currency: CurrencyIx, amount: Amount) {
        assert!(usize::from(self.len) < POSTING_LINES_MAX, "a posting has at most {POSTING_LINES_MAX} lines");
        self.lines[usize::from(self.len)] = PostingLine { account, currency, amount };
        self.len += 1;
    }

    /// The lines.
    pub fn as_slice(&self) -> &[PostingLine] {
        &self.lines[..usize::from(self.len)]
    }

    /// Whether the lines of each currency sum to zero.
    pub fn balances(&self) -> bool {
        let lines = self.as_slice();
        let is_transfer = |pair: &[PostingLine]| match pair {
            [one, other] => {
                one.currency == other.currency && one.amount.checked_add(other.amount) == Some(Amount::ZERO)
            }
            _ => false,
        };
        // Nearly every posting is made of transfers.
        if lines.chunks(2).all(is_transfer) {
            return true;
        }
        lines.iter().enumerate().all(|(at, line)| {
            // Each currency is summed up at its first line.
            if lines[..at].iter().any(|earlier| earlier.currency == line.currency) {
                return true;
            }
            let others = lines[at + 1..].iter().filter(|other| other.currency == line.currency);
            others.map(|other| other.amount).try_fold(line.amount, Amount::checked_add) == Some(Amount::ZERO)
        })
    }
}

impl Default for PostingLines {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posting_balances_per_currency() {
        let one = Amount::parse("1").unwrap();
        let minus_one = one.checked_neg().unwrap();
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, CurrencyIx(0), one);
        lines.push(LedgerAccount::Trading, CurrencyIx(1), minus_one);
        assert!(!lines.balances());
        lines.push(LedgerAccount::Trading, CurrencyIx(0), minus_one);
        lines.push(LedgerAccount::Cash, CurrencyIx(1), one);
        assert!(lines.balances());
    }
}
