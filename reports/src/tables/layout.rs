//! The columns of every table, typed.
//!
//! A table is a struct of columns under construction, so a value of the wrong kind does not compile,
//! and the order of its fields is that of the file.

use parquet::errors::ParquetError;

use super::column::{
    Column, Counts, Decimals, Flags, Floats, Instants, OrderNames, Page, Prices, Quantities, Run, Sparse, page,
};
use super::form::ColumnSpec;
use super::words::{Choice, Currencies, Instruments, Named, Sources, Strategies, Words};

/// Rows of a table under construction.
pub trait Table: Default {
    /// Its name.
    const NAME: &'static str;
    /// Its columns.
    const COLUMNS: &'static [ColumnSpec];

    /// How many rows there are.
    fn len(&self) -> usize;

    /// The rows so far, a page for each column; there are none afterwards.
    ///
    /// # Errors
    /// As [`Column::take`].
    fn take(&mut self, run: Run<'_>) -> Result<Vec<Page>, ParquetError>;
}

macro_rules! tables {
    ($($(#[$meta:meta])* $table:ident $name:literal { $($column:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub struct $table {
            rows: u32,
            $(
                #[doc = stringify!($column)]
                pub $column: $kind,
            )*
        }

        impl $table {
            /// Begins the next row; its number in the page.
            #[inline]
            pub fn row(&mut self) -> u32 {
                self.rows += 1;
                self.rows - 1
            }
        }

        impl Table for $table {
            const NAME: &'static str = $name;
            const COLUMNS: &'static [ColumnSpec] =
                &[$((stringify!($column), <$kind as Column>::KIND, <$kind as Column>::EMPTY)),*];

            fn len(&self) -> usize {
                self.rows as usize
            }

            fn take(&mut self, run: Run<'_>) -> Result<Vec<Page>, ParquetError> {
                let rows = std::mem::take(&mut self.rows) as usize;
                Ok(vec![$(page(&mut self.$column, rows, run)?),*])
            }
        }
    )*};
}

tables! {
    /// One row for each record of the journal.
    EventRows "events" {
        seq: Counts,
        input: Counts,
        ts: Instants,
        kind: Choice,
        strategy: Sparse<Named<Strategies>>,
        instrument: Sparse<Named<Instruments>>,
        order_number: Sparse<Counts>,
        side: Sparse<Choice>,
        px: Sparse<Prices>,
        qty: Sparse<Quantities>,
        amount: Sparse<Decimals>,
        currency: Sparse<Named<Currencies>>,
        text: Sparse<Words>,
    }

    /// One row for each order, in the order in which they ended.
    OrderRows "orders" {
        client_order_id: OrderNames,
        venue_order_id: Sparse<Counts>,
        strategy: Named<Strategies>,
        instrument: Named<Instruments>,
        side: Choice,
        kind: Choice,
        time_in_force: Choice,
        expires: Sparse<Instants>,
        post_only: Flags,
        reduce_only: Flags,
        position_side: Sparse<Choice>,
        limit_px: Sparse<Prices>,
        trigger_px: Sparse<Prices>,
        trigger_by: Choice,
        trail_px: Sparse<Prices>,
        trail_bps: Sparse<Counts>,
        activation_px: Sparse<Prices>,
        display_qty: Sparse<Quantities>,
        group_kind: Sparse<Choice>,
        group_first: Sparse<Counts>,
        status: Sparse<Choice>,
        reason: Sparse<Words>,
        order_qty: Quantities,
        cum_qty: Quantities,
        canceled_qty: Quantities,
        avg_px: Sparse<Decimals>,
        fills: Counts,
        fee: Sparse<Decimals>,
        fee_currency: Sparse<Named<Currencies>>,
        ts_intended: Instants,
        ts_submitted: Sparse<Instants>,
        ts_accepted: Sparse<Instants>,
        ts_filled: Sparse<Instants>,
        ts_ended: Sparse<Instants>,
    }

    /// One row for each fill.
    FillRows "fills" {
        seq: Counts,
        input: Counts,
        ts: Instants,
        ts_event: Instants,
        client_order_id: OrderNames,
        trade_id: Counts,
        strategy: Named<Strategies>,
        instrument: Named<Instruments>,
        side: Choice,
        position_side: Sparse<Choice>,
        last_px: Prices,
        last_qty: Quantities,
        cum_qty: Quantities,
        leaves_qty: Quantities,
        notional: Sparse<Decimals>,
        liquidity: Choice,
        fee: Decimals,
        fee_currency: Named<Currencies>,
        basis: Choice,
        source: Named<Sources>,
        source_record: Counts,
        reference_px: Prices,
        slippage_px: Prices,
        impact_px: Prices,
        noise_px: Prices,
        available_qty: Quantities,
        queue_entry_qty: Quantities,
        queue_ahead_qty: Quantities,
    }

    /// One row for each round trip.
    TradeRows "trades" {
        strategy: Named<Strategies>,
        instrument: Named<Instruments>,
        side: Choice,
        entry_ts: Instants,
        exit_ts: Instants,
        duration_ns: Counts,
        qty: Quantities,
        qty_max: Quantities,
        entry_px: Decimals,
        exit_px: Decimals,
        gross_pnl: Decimals,
        fees: Sparse<Decimals>,
        net_pnl: Sparse<Decimals>,
        currency: Named<Currencies>,
        fills: Counts,
    }

    /// One row for each change of a position.
    PositionRows "positions" {
        seq: Counts,
        ts: Instants,
        strategy: Named<Strategies>,
        instrument: Named<Instruments>,
        position_side: Sparse<Choice>,
        net_qty: Quantities,
        entry_cost: Decimals,
        realized_pnl: Decimals,
        currency: Named<Currencies>,
        funding_paid: Decimals,
    }

    /// One row for each sample of equity.
    EquityRows "equity" {
        seq: Counts,
        ts_event: Instants,
        equity: Decimals,
        high: Decimals,
        low: Decimals,
        exposure: Decimals,
        max_drawdown: Floats,
    }
}
