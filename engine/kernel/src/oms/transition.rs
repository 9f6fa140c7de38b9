//! The one table of order transitions.
//!
//! Rows are what happens, columns where the order stands. A dash is refused and journaled.
//!
//! |                 | submitted | held | accepted | triggered | part. filled | pend. amend | pend. cancel | filled | canceled, expired | rejected, denied |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | accepted        | accepted | - | - | - | keep | keep | keep | - | - | - |
//! | held            | held | - | - | - | - | keep | keep | - | - | - |
//! | activated       | - | accepted | - | - | - | keep | keep | - | - | - |
//! | resized         | - | - | keep | keep | keep | keep | keep | - | - | - |
//! | rejected        | rejected | - | - | - | - | rejected | rejected | - | - | - |
//! | triggered       | triggered | - | triggered | - | - | keep | keep | - | - | - |
//! | filled          | filled or part. filled | same | same | same | same | filled or keep | filled or keep | - | keep (late fill) | - |
//! | canceled        | canceled | canceled | canceled | canceled | canceled | canceled | canceled | - | - | - |
//! | expired         | expired | expired | expired | expired | expired | expired | expired | - | - | - |
//! | amend submitted | pend. amend | same | same | same | same | - | - | - | - | - |
//! | cancel submitted| pend. cancel | same | same | same | same | pend. cancel | - | - | - | - |
//! | replaced        | - | working | working | working | working | working | keep | - | - | - |
//! | amend rejected  | - | keep | keep | keep | keep | working | keep | keep | keep | rejected: keep |
//! | cancel rejected | - | keep | keep | keep | keep | keep | working | keep | keep | rejected: keep |
//!
//! A change may be answered after the answer to a later cancel: the venue's word on what the order is
//! counts whatever we are waiting for.
//!
//! "Working" is submitted, held, accepted or partially filled, by what is known of the order.
//! A change or cancel refused because the order ended in the meantime arrives after the end: it changes nothing.

use tapedeck_model::{Event, OrderStatus};

/// Something that happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stimulus {
    /// The venue has it.
    Accepted,
    /// The venue refused it.
    Rejected,
    /// Its stop was triggered.
    Triggered,
    /// A fill.
    Filled,
    /// It was canceled.
    Canceled,
    /// Its time ran out.
    Expired,
    /// We asked for a change.
    AmendSubmitted,
    /// We asked for it back.
    CancelSubmitted,
    /// It was changed.
    Replaced,
    /// The change was refused.
    AmendRejected,
    /// The cancel was refused.
    CancelRejected,
    /// The venue has it, and it waits for its parent.
    Held,
    /// Its parent was filled.
    Activated,
    /// The venue changed its quantity.
    Resized,
}

impl Stimulus {
    /// Every stimulus, for tables.
    pub const ALL: [Self; 14] = [
        Self::Accepted,
        Self::Rejected,
        Self::Triggered,
        Self::Filled,
        Self::Canceled,
        Self::Expired,
        Self::AmendSubmitted,
        Self::CancelSubmitted,
        Self::Replaced,
        Self::AmendRejected,
        Self::CancelRejected,
        Self::Held,
        Self::Activated,
        Self::Resized,
    ];

    /// The stimulus that an event is, if it is one.
    pub const fn of(event: &Event) -> Option<Self> {
        // The numbers are those of `Event::number`, fixed by the journal format.
        match event.number() {
            21 => Some(Self::AmendSubmitted),
            22 => Some(Self::CancelSubmitted),
            23 => Some(Self::Accepted),
            24 => Some(Self::Rejected),
            25 => Some(Self::Triggered),
            26 => Some(Self::Replaced),
            27 => Some(Self::AmendRejected),
            28 => Some(Self::CancelRejected),
            29 => Some(Self::Filled),
            30 => Some(Self::Canceled),
            31 => Some(Self::Expired),
            35 => Some(Self::Held),
            36 => Some(Self::Activated),
            37 => Some(Self::Resized),
            _ => None,
        }
    }
}

/// Where an order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To this status.
    To(OrderStatus),
    /// It stays where it is.
    Keep,
    /// Back to work: submitted, held, accepted, partially filled or (amended down to what is filled) filled.
    Working,
    /// Filled if nothing is left, else this status.
    FilledOr(OrderStatus),
}

/// Where an order in `status` goes on `stimulus`; `None` is refused.
pub const fn next(status: OrderStatus, stimulus: Stimulus) -> Option<Next> {
    use OrderStatus as S;
    use Stimulus as X;
    Some(match (status, stimulus) {
        (S::Submitted, X::Accepted) | (S::Held, X::Activated) => Next::To(S::Accepted),
        (S::PartiallyFilled | S::PendingAmend | S::PendingCancel, X::Accepted) => Next::Keep,
        (S::Submitted, X::Held) => Next::To(S::Held),
        (S::PendingAmend | S::PendingCancel, X::Held | X::Activated) => Next::Keep,
        (S::Accepted | S::Triggered | S::PartiallyFilled | S::PendingAmend | S::PendingCancel, X::Resized) => {
            Next::Keep
        }
        (S::Submitted | S::PendingAmend | S::PendingCancel, X::Rejected) => Next::To(S::Rejected),
        (S::Submitted | S::Accepted, X::Triggered) => Next::To(S::Triggered),
        (S::PendingAmend | S::PendingCancel, X::Triggered) => Next::Keep,
        (S::Submitted | S::Held | S::Accepted | S::Triggered | S::PartiallyFilled, X::Filled) => {
            Next::FilledOr(S::PartiallyFilled)
        }
        (S::PendingAmend, X::Filled) => Next::FilledOr(S::PendingAmend),
        (S::PendingCancel, X::Filled) => Next::FilledOr(S::PendingCancel),
        (S::Canceled | S::Expired, X::Filled) => Next::Keep,
        (
            S::Submitted
            | S::Held
            | S::Accepted
            | S::Triggered
            | S::PartiallyFilled
            | S::PendingAmend
            | S::PendingCancel,
            X::Canceled,
        ) => Next::To(S::Canceled),
        (
            S::Submitted
            | S::Held
            | S::Accepted
            | S::Triggered
            | S::PartiallyFilled
            | S::PendingAmend
            | S::PendingCancel,
            X::Expired,
        ) => Next::To(S::Expired),
        (S::Submitted | S::Held | S::Accepted | S::Triggered | S::PartiallyFilled, X::AmendSubmitted) => {
            Next::To(S::PendingAmend)
        }
        (
            S::Submitted | S::Held | S::Accepted | S::Triggered | S::PartiallyFilled | S::PendingAmend,
            X::CancelSubmitted,
        ) => Next::To(S::PendingCancel),
        (S::PendingAmend, X::Replaced | X::AmendRejected) | (S::PendingCancel, X::CancelRejected) => Next::Working,
        (S::Held | S::Accepted | S::Triggered | S::PartiallyFilled, X::Replaced) => Next::Working,
        (S::PendingCancel, X::Replaced | X::AmendRejected) => Next::Keep,
        (S::PendingAmend, X::CancelRejected) => Next::Keep,
        (S::Held | S::Accepted | S::Triggered | S::PartiallyFilled, X::CancelRejected | X::AmendRejected) => Next::Keep,
        (S::Filled | S::Canceled | S::Expired | S::Rejected, X::CancelRejected | X::AmendRejected) => Next::Keep,
        _ => return None,
    })
}
