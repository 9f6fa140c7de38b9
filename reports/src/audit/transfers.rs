//! Whether what arrives is what left.

use std::collections::BTreeMap;

use tapedeck_model::event::TransferSent;
use tapedeck_model::{Amount, CurrencyIx, Ts, VenueIx};

/// Transfers that left and did not arrive yet.
#[derive(Debug, Clone, Default)]
pub(super) struct TransferAudit {
    last: u64,
    under_way: BTreeMap<u64, TransferSent>,
}

impl TransferAudit {
    /// What does not hold of a transfer that leaves `left` in its wallet.
    pub(super) fn sent(&mut self, now: Ts, sent: &TransferSent, left: Amount) -> Vec<String> {
        let mut found = Vec::new();
        if sent.transfer != self.last + 1 {
            found.push(format!("transfer {} follows transfer {}", sent.transfer, self.last));
        }
        if sent.fee < Amount::ZERO || sent.amount <= sent.fee || sent.arrives < now || sent.from == sent.to {
            found.push(format!("transfer {} makes no sense", sent.transfer));
        }
        if left < Amount::ZERO {
            found.push(format!("transfer {} takes more than there was: {left} are left", sent.transfer));
        }
        self.last = sent.transfer;
        self.under_way.insert(sent.transfer, *sent);
        found
    }

    /// What does not hold of an arrival.
    pub(super) fn arrived(
        &mut self,
        now: Ts,
        (transfer, venue, currency, amount): (u64, VenueIx, CurrencyIx, Amount),
    ) -> Vec<String> {
        let Some(sent) = self.under_way.remove(&transfer) else {
            return vec![format!("transfer {transfer} arrives, but is not under way")];
        };
        let due = (sent.arrives, sent.to, sent.currency, sent.amount.checked_sub(sent.fee));
        if due == (now, venue, currency, Some(amount)) {
            return Vec::new();
        }
        vec![format!("transfer {transfer} arrives with {amount} at {now}, which is not what left")]
    }

    /// What is under way of a currency; `None` on overflow.
    pub(super) fn under_way(&self, currency: CurrencyIx) -> Option<Amount> {
        let of_it = self.under_way.values().filter(|sent| sent.currency == currency);
        of_it.map(|sent| sent.amount.checked_sub(sent.fee)).try_fold(Amount::ZERO, |sum, part| sum.checked_add(part?))
    }
}
