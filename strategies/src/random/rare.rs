//! Rarer orders at random: triggers that come back or trail, icebergs, groups.

use tapedeck_model::{
    Context, Display, InstrumentIx, OrderKind, OrderRequest, Qty, Stream, Terms, TimeInForce, Trail, TriggerBy,
};

use super::Random;

/// Asks for one order of a rarer kind, or for a group; for nothing where no price is known.
pub(super) fn submit(random: &Random, ctx: &mut Context<'_>, ix: InstrumentIx, stream: &mut Stream) {
    let choice = stream.below(6);
    let Some(mut request) = random.request(ctx, ix, stream) else { return };
    match choice {
        0 => {
            let Some(second) = leg(random, ctx, &request, stream) else { return };
            request.kind = waiting(random, ctx, ix, stream).unwrap_or(request.kind);
            request.time_in_force = TimeInForce::Gtc;
            request.post_only &= matches!(request.kind, OrderKind::Limit { .. });
            ctx.submit_oco(request, OrderRequest { side: request.side, ..second });
        }
        1 => {
            if let Some(child) = leg(random, ctx, &request, stream) {
                ctx.submit_oto(request, child);
            }
        }
        2 => {
            let legs = leg(random, ctx, &request, stream).zip(leg(random, ctx, &request, stream));
            if let Some((target, stop)) = legs {
                ctx.submit_bracket(request, target, stop);
            }
        }
        3 => {
            request.post_only = stream.below(2) == 0;
            request.terms.display = display(request.order_qty, ctx, ix, stream);
            request.terms.reprice = request.post_only && stream.below(2) == 0;
            if let Some(limit_px) = random.price(ctx, ix, stream) {
                ctx.submit(OrderRequest {
                    kind: OrderKind::Limit { limit_px },
                    time_in_force: TimeInForce::Gtc,
                    ..request
                });
            }
        }
        _ => {
            request.terms.activation_px = if stream.below(3) == 0 { random.price(ctx, ix, stream) } else { None };
            if let Some(kind) = waiting(random, ctx, ix, stream) {
                let trails = matches!(kind, OrderKind::Trailing { .. });
                if kind.has_trigger() {
                    request.terms.trigger_by = trigger_by(stream);
                }
                request.terms.activation_px = request.terms.activation_px.filter(|_| trails);
                ctx.submit(OrderRequest { kind, post_only: false, ..request });
            }
        }
    }
}

/// What a trigger looks at; of an instrument without mark prices the venue refuses some.
fn trigger_by(stream: &mut Stream) -> TriggerBy {
    match stream.below(4) {
        0 => TriggerBy::Mark,
        1 => TriggerBy::Index,
        _ => TriggerBy::Last,
    }
}

/// A kind that can wait in a group.
fn waiting(random: &Random, ctx: &Context<'_>, ix: InstrumentIx, stream: &mut Stream) -> Option<OrderKind> {
    let (first, second) = (random.price(ctx, ix, stream)?, random.price(ctx, ix, stream)?);
    let tick = ctx.instrument(ix).rules_at(ctx.now).tick_size;
    Some(match stream.below(6) {
        0 => OrderKind::Limit { limit_px: first },
        1 => OrderKind::Stop { trigger_px: first },
        2 => OrderKind::Touch { trigger_px: first },
        3 => OrderKind::TouchLimit { trigger_px: first, limit_px: second },
        4 => {
            let ticks = stream.below(random.reach) as i64 + 1;
            OrderKind::Trailing { trail: Trail::Px(tapedeck_model::Price::from_raw(tick.raw().checked_mul(ticks)?)) }
        }
        _ => OrderKind::Trailing { trail: Trail::Bps(stream.below(200) as u32 + 1) },
    })
}

/// An order that waits for `parent`, or is a pair with it.
fn leg(random: &Random, ctx: &Context<'_>, parent: &OrderRequest, stream: &mut Stream) -> Option<OrderRequest> {
    let market = OrderRequest::market(parent.instrument, parent.side.opposite(), parent.order_qty);
    let reduce_only = stream.below(4) == 0 && parent.terms.position_side.is_none();
    let terms = Terms { position_side: parent.terms.position_side, ..Terms::default() };
    Some(OrderRequest { kind: waiting(random, ctx, parent.instrument, stream)?, reduce_only, terms, ..market })
}

/// A part of an order that shows, in lots.
fn display(qty: Qty, ctx: &Context<'_>, ix: InstrumentIx, stream: &mut Stream) -> Option<Display> {
    let lot = ctx.instrument(ix).rules_at(ctx.now).lot_size;
    let lots = u64::try_from(qty.raw() / lot.raw().max(1)).ok()?;
    let shown = stream.below(lots.max(1)) as i64 + 1;
    Some(Display { qty: Qty::from_raw(lot.raw().checked_mul(shown)?), variance_bps: stream.below(5_000) as u16 })
}
