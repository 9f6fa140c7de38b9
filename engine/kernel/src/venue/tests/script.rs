//! Runs a case written as text and compares what the venue says with the lines after `>`.
//!
//! ```text
//! venue path=ohlc participation=0.5 limit_fill=through queue=1 queue_model=power maker_fill=whole book_quotes=fuse finest=trades funds=10:1000 bps=1 taker=0.001 price_band=5 age=10 stress=2
//! bar OPEN HIGH LOW CLOSE VOLUME        sixty seconds each, the first opens at 0
//! venue margin=cross:WALLET:LEVERAGE[:FLOOR/RATE/LEVERAGE]... slip=0.01 inverse=MULTIPLIER hedge=yes
//! venue impact=ETA_BPS:GAMMA_BPS:DECAY   of one unit; decay in seconds
//! venue loans=WALLET:LEVERAGE:DAILY_RATE_OF_QUOTE:DAILY_RATE_OF_BASE debt_slip=0.01   `-` for a rate: nothing is lent
//! bar_to SECOND OPEN HIGH LOW CLOSE VOLUME   the same with its end
//! trade PX QTY [buy|sell]               one second after the last record
//! mark MARK [INDEX]                     likewise
//! quote BID BID_QTY ASK ASK_QTY         likewise
//! expiry                                likewise
//! delist PX|mark|last|hold|write_off     likewise
//! redenominate RATIO                    likewise; what is said of the account is kept in `units`
//! told NUMBER                           we have learned of it: orders from this one on are in new units
//! funding RATE [MARK]                   likewise
//! depth [clear] [gap] bid|ask PX QTY ... likewise, one message
//! mbo [clear] [gap] add ID bid|ask PX QTY|modify ID PX QTY|cancel ID QTY|exec ID QTY ... likewise
//! [+SECONDS] NUMBER buy|sell QTY market|limit PX|stop PX|stop_limit TRIGGER LIMIT|touch PX|
//!     touch_limit TRIGGER LIMIT|trail DISTANCE|trail_bps BPS [TIF] [post] [reprice] [reduce] [from=PX] [show=QTY]
//!     [vary=BPS] [by=mark|index] [of=long|short] [as=STRATEGY]
//! oco|oto|bracket ORDER | ORDER [| ORDER]
//! [+SECONDS] cancel_all                 every order of the strategy
//! disconnect
//! [+SECONDS] amend NUMBER [qty=Q] [limit=P] [trigger=P]
//! [+SECONDS] cancel NUMBER              commands arrive so long after the last record
//! > NUMBER filled PX QTY LIQUIDITY BASIS @SECONDS
//! > liquidated SIDE PX QTY of POSITION: STAGE with BALANCE <= MAINTENANCE, fee FEE @SECONDS
//! ```
//! `accepted` is left out where it is all that is said.

use super::instrument;
use crate::venue::*;
use tapedeck_model::loan::{BorrowTerms, DatedRate};
use tapedeck_model::margin::{BracketRow, MARGIN_LEVERAGE_ONE, MarginMode, MarginTerms, brackets_of};
use tapedeck_model::order::{OrderKind, Side, TimeInForce};
use tapedeck_model::param::{ParamValue, Params};
use tapedeck_model::port::{LatencySetup, Leg};
use tapedeck_model::random::Draws;
use tapedeck_model::{
    Amendment, Bar, DepthFlags, DepthTick, Display, FundingTick, GroupKind, GroupLeg, InstrumentKind, MarkTick,
    MboAction, MboTick, PositionMode, PositionSide, Price, QuoteTick, Span, StrategyIx, Terms, TradeTick, Trail,
    TriggerBy,
};

pub(super) const SECOND: i64 = 1_000_000_000;

pub(super) fn params(pairs: &[(&str, &str)]) -> Params {
    pairs.iter().fold(Params::new(), |params, (name, text)| {
        let value = text.parse().map_or_else(|_| ParamValue::Text((*text).to_owned()), ParamValue::Decimal);
        params.with(name, value)
    })
}

pub(super) fn setup(path: &str) -> LatencySetup {
    LatencySetup { draws: Draws::new(1, path), leg: Leg::ToVenue, recorded: None }
}

/// A venue without costs, delays or bounds over `count` instruments.
pub(super) fn plain_spec(count: u16) -> VenueSpec {
    let latency = || (latency_components()[0].build)(&Params::new(), setup("latency")).unwrap();
    VenueSpec {
        name: "SIM".to_owned(),
        instruments: (0..count).map(InstrumentIx).collect(),
        finest: Vec::new(),
        path: PathModel::Ohlc,
        participation: None,
        limit_fill: LimitFill::Touch,
        queue_ahead: None,
        queue: (queue_components()[0].build)(&Params::new()).unwrap(),
        maker_fill: MakerFill::Partial,
        orders: OrderRules::default(),
        display_draws: Draws::new(1, "display"),
        books: BookLaw::default(),
        entry_latency: latency(),
        cancel_latency: latency(),
        report_latency: latency(),
        slippage: (slippage_components()[0].build)(&Params::new(), Draws::new(1, "slippage")).unwrap(),
        fees: (fee_components()[0].build)(&Params::new(), &[]).unwrap(),
        funds: None,
        token: TokenSpec::default(),
        settlement_px: Vec::new(),
        margin: None,
        position_mode: PositionMode::OneWay,
        loans: None,
        troubles: Vec::new(),
        price_band: None,
        age_limits: Vec::new(),
        funding_stress: None,
    }
}

/// A margin account from `cross:WALLET:LEVERAGE` or `isolated:...`, and, after more colons, brackets as
/// `FLOOR/RATE/LEVERAGE`; without them the flat rate of 5 %. Liquidations cost 1 % and slip nothing.
pub(super) fn margin_of(text: &str) -> MarginSpec {
    let mut words = text.split(':');
    let mode = if words.next() == Some("cross") { MarginMode::Cross } else { MarginMode::Isolated };
    let wallet = Amount::parse(words.next().unwrap()).unwrap();
    let leverage = words.next().unwrap().parse::<i64>().unwrap() * MARGIN_LEVERAGE_ONE;
    let rate = |text: &str| Price::parse(text, 12).unwrap().raw();
    let rows: Vec<BracketRow> = words
        .map(|word| {
            let parts: Vec<&str> = word.split('/').collect();
            let leverage_max = parts[2].parse::<i64>().unwrap() * MARGIN_LEVERAGE_ONE;
            let (floor, rate) = (Amount::parse(parts[0]).unwrap(), rate(parts[1]));
            BracketRow { floor, cap: None, rate, leverage_max, cum: None }
        })
        .collect();
    let mut terms = MarginTerms::flat(mode, leverage, rate("0.05")).unwrap();
    if !rows.is_empty() {
        terms.tables[0].brackets = brackets_of(&rows).unwrap();
    }
    MarginSpec {
        terms: vec![(InstrumentIx(0), terms)],
        wallets: vec![(CurrencyIx(1), wallet)],
        currencies: 2,
        liquidation: LiquidationRules { on: true, fee: rate("0.01"), slippage: 0 },
    }
}

/// An account that may borrow from `WALLET:LEVERAGE:RATE:RATE`: calls at 1.3, liquidations at 1.1 that cost 2 % and slip
/// nothing.
pub(super) fn loans_of(text: &str) -> LoanSpec {
    let words: Vec<&str> = text.split(':').collect();
    let rate = |currency: u16, text: &str| {
        let daily_rate = Price::parse(text, 12).ok()?.raw();
        Some((CurrencyIx(currency), BorrowTerms { rates: vec![DatedRate { from: Ts::MIN, daily_rate }] }))
    };
    LoanSpec {
        rates: [rate(1, words[2]), rate(0, words[3])].into_iter().flatten().collect(),
        wallets: vec![(CurrencyIx(1), Amount::parse(words[0]).unwrap())],
        currencies: 2,
        quote: CurrencyIx(1),
        rules: LoanRules {
            leverage: Price::parse(words[1], 6).unwrap().raw(),
            on: true,
            call: 1_300_000,
            level: 1_100_000,
            fee: Price::parse("0.02", 12).unwrap().raw(),
            slippage: 0,
        },
    }
}

/// Impact from `ETA:GAMMA:DECAY`, in bps for one unit of the hundred that are traded in a day, and in seconds.
pub(super) fn impact_of(text: &str) -> Box<dyn SlippageModel> {
    let words: Vec<&str> = text.split(':').collect();
    let params =
        params(&[("epsilon_bps", "0"), ("eta_bps", words[0]), ("gamma_bps", words[1]), ("daily_volume", "100")])
            .with("decay", ParamValue::Span(Span::from_nanos(words[2].parse::<i64>().unwrap() * SECOND)));
    let component = slippage_components().iter().find(|component| component.name == "almgren_chriss").unwrap();
    (component.build)(&params, Draws::new(1, "slippage")).unwrap()
}

fn spec_of(words: &[&str]) -> VenueSpec {
    let mut spec = plain_spec(1);
    for word in words {
        let (key, value) = word.split_once('=').unwrap();
        match key {
            "path" => spec.path = value.parse().unwrap(),
            "participation" => spec.participation = parse_participation(value).unwrap(),
            "limit_fill" => spec.limit_fill = value.parse().unwrap(),
            "maker_fill" => spec.maker_fill = value.parse().unwrap(),
            "queue_model" => {
                let component = queue_components().iter().find(|c| c.name == value).unwrap();
                spec.queue = (component.build)(&params(&[("n", "3")])).unwrap();
            }
            "stp" => spec.orders.self_trade = value.parse().unwrap(),
            "keeps" => spec.orders.amend_keeps_priority = value == "true",
            "on_disconnect" => spec.orders.cancel_on_disconnect = value == "cancel",
            "book_quotes" | "order_faults" => {
                spec.books = Matching::from_params(&params(&[(key, value)])).unwrap().books;
            }
            "price_band" => {
                spec.price_band = Some(Factor::new(value.parse::<Decimal>().unwrap() / Decimal::ONE_HUNDRED).unwrap());
            }
            "age" => {
                spec.age_limits = vec![(InstrumentIx(0), Span::from_nanos(value.parse::<i64>().unwrap() * SECOND))];
            }
            "queue" => spec.queue_ahead = Some(value.parse().unwrap()),
            "finest" => {
                let kind = if value == "quotes" { RecordKind::Quotes } else { RecordKind::Trades };
                spec.finest = vec![(InstrumentIx(0), kind)];
            }
            "funds" => {
                let (base, quote) = value.split_once(':').unwrap();
                let funds = [(CurrencyIx(0), base), (CurrencyIx(1), quote)];
                spec.funds = Some(funds.map(|(c, text)| (c, Amount::parse(text).unwrap())).to_vec());
            }
            "margin" => spec.margin = Some(margin_of(value)),
            "loans" => spec.loans = Some(loans_of(value)),
            "debt_slip" => spec.loans.as_mut().unwrap().rules.slippage = Price::parse(value, 12).unwrap().raw(),
            "slip" => {
                let margin = spec.margin.as_mut().unwrap();
                margin.liquidation.slippage = Price::parse(value, 12).unwrap().raw();
            }
            "hedge" => spec.position_mode = PositionMode::Hedge,
            // The wallet is in coin; the instrument is made by `stage_of`.
            "inverse" => spec.margin.as_mut().unwrap().wallets[0].0 = CurrencyIx(0),
            "stress" => spec.funding_stress = Some(Factor::new(value.parse::<Decimal>().unwrap()).unwrap()),
            "settlement_px" => spec.settlement_px = vec![(InstrumentIx(0), Price::parse(value, 2).unwrap())],
            "bps" => {
                let params = params(&[("bps", value)]);
                spec.slippage = (slippage_components()[1].build)(&params, Draws::new(1, "slippage")).unwrap();
            }
            "impact" => spec.slippage = impact_of(value),
            "half_spread" => {
                let params = params(&[("default_bps", value)]);
                spec.slippage = (slippage_components()[2].build)(&params, Draws::new(1, "slippage")).unwrap();
            }
            "taker" => {
                let params = params(&[("maker", "0"), ("taker", value), ("currency", "quote")]);
                spec.fees = (fee_components()[1].build)(&params, &[&instrument(0)]).unwrap();
            }
            _ => panic!("unknown key {key}"),
        }
    }
    spec
}

/// A venue that is told a case line by line.
pub(super) struct Stage {
    pub(super) venue: SimVenue,
    pub(super) now: i64,
    records: u64,
    pub(super) out: Vec<TimedReport>,
    /// What was said at changes of units: the balance and the sum of positions.
    pub(super) units: Vec<String>,
}

impl Stage {
    pub(super) fn new(spec: VenueSpec, count: u16) -> Self {
        let instruments: Vec<Instrument> = (0..count).map(instrument).collect();
        Self {
            venue: SimVenue::new(spec, &instruments).unwrap(),
            now: 0,
            records: 0,
            out: Vec::new(),
            units: Vec::new(),
        }
    }

    pub(super) fn record(&mut self, record: &MarketRecord) {
        self.now = record.ts_event().nanos();
        let at = RecordRef { number: self.records, ..RecordRef::default() };
        self.records += 1;
        self.venue.on_record(at, record, &mut self.out).unwrap();
    }

    pub(super) fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let px = |ix: usize| Price::parse(words[ix], 2).unwrap();
        let qty = |ix: usize| Qty::parse(words[ix], 3).unwrap();
        let instrument = InstrumentIx(0);
        let ts = |seconds: i64| Ts::from_nanos(self.now + seconds * SECOND);
        let record = match words[0] {
            "bar" => MarketRecord::Bar(Bar {
                instrument,
                ts_event: ts(60),
                ts_recv: ts(60),
                interval: Span::MINUTE,
                open: px(1),
                high: px(2),
                low: px(3),
                close: px(4),
                volume: qty(5),
            }),
            "bar_to" => MarketRecord::Bar(Bar {
                instrument,
                ts_event: Ts::from_nanos(words[1].parse::<i64>().unwrap() * SECOND),
                ts_recv: Ts::from_nanos(words[1].parse::<i64>().unwrap() * SECOND),
                interval: Span::MINUTE,
                open: px(2),
                high: px(3),
                low: px(4),
                close: px(5),
                volume: qty(6),
            }),
            "trade" => MarketRecord::Trade(TradeTick {
                instrument,
                ts_event: ts(1),
                ts_recv: ts(1),
                px: px(1),
                qty: qty(2),
                aggressor: words.get(3).map(|w| side(w)),
            }),
            "mark" => MarketRecord::Mark(MarkTick {
                instrument,
                ts_event: ts(1),
                ts_recv: ts(1),
                mark_px: px(1),
                index_px: (words.len() > 2).then(|| px(2)),
            }),
            "quote" => MarketRecord::Quote(QuoteTick {
                instrument,
                ts_event: ts(1),
                ts_recv: ts(1),
                bid_px: px(1),
                bid_qty: qty(2),
                ask_px: px(3),
                ask_qty: qty(4),
            }),
            "expiry" => {
                self.now += SECOND;
                return self.venue.on_expiry(Ts::from_nanos(self.now), instrument, &mut self.out).unwrap();
            }
            "delist" | "redenominate" | "told" => return self.befall(words[0], words[1]),
            "funding" => MarketRecord::Funding(FundingTick {
                instrument,
                ts_event: ts(1),
                ts_recv: ts(1),
                rate: Price::parse(words[1], FundingTick::RATE_SCALE).unwrap().raw(),
                interval: None,
                mark_px: (words.len() > 2).then(|| px(2)),
            }),
            "depth" => return self.depth(&words[1..]),
            "mbo" => return self.orders(&words[1..]),
            _ => return self.command(&words),
        };
        self.record(&record);
    }

    fn befall(&mut self, what: &str, how: &str) {
        match what {
            "delist" => self.delist(how),
            "redenominate" => self.redenominate(how),
            _ => self.venue.on_redenomination_told(CurrencyIx(0), &[how.parse().unwrap()]),
        }
    }

    fn delist(&mut self, fate: &str) {
        self.now += SECOND;
        let fate = match fate {
            "mark" => Fate::Settled(SettlementPx::Mark),
            "last" => Fate::Settled(SettlementPx::Last),
            "hold" => Fate::Kept,
            "write_off" => Fate::WrittenOff,
            px => Fate::Settled(SettlementPx::Stated(Price::parse(px, 2).unwrap())),
        };
        let delisting = Delisting { instrument: InstrumentIx(0), fate };
        self.venue.on_delisting(Ts::from_nanos(self.now), &delisting, &mut self.out).unwrap();
    }

    fn redenominate(&mut self, ratio: &str) {
        self.now += SECOND;
        let ratio = Ratio::from_decimal(ratio.parse().unwrap()).unwrap();
        let change = Redenomination { venue: 0, asset: CurrencyIx(0), ratio };
        let report = self.venue.on_redenomination(Ts::from_nanos(self.now), &change, &mut self.out).unwrap();
        let holding = report.holding.map_or_else(|| "-".to_owned(), |holding| holding.to_string());
        self.units.push(format!("{holding} held {}", report.positions));
    }

    /// One message: levels as side, price and quantity, and flags.
    fn depth(&mut self, words: &[&str]) {
        let ts = Ts::from_nanos(self.now + SECOND);
        let levels: Vec<&str> = words.iter().copied().filter(|word| !matches!(*word, "clear" | "gap")).collect();
        let mut flags = words.iter().fold(DepthFlags::NONE, |flags, word| match *word {
            "clear" => flags.with(DepthFlags::CLEAR),
            "gap" => flags.with(DepthFlags::GAP),
            _ => flags,
        });
        let mut rows: Vec<DepthTick> = levels
            .chunks(3)
            .map(|words| DepthTick {
                instrument: InstrumentIx(0),
                ts_event: ts,
                ts_recv: ts,
                side: Some(if words[0] == "bid" { Side::Buy } else { Side::Sell }),
                px: Price::parse(words[1], 2).unwrap(),
                qty: Qty::parse(words[2], 3).unwrap(),
                flags: std::mem::take(&mut flags),
            })
            .collect();
        let last = rows.last_mut().unwrap();
        last.flags = last.flags.with(DepthFlags::LAST);
        for row in &rows {
            self.record(&MarketRecord::Depth(*row));
        }
    }

    /// One message: what happened to orders at the venue, and flags.
    fn orders(&mut self, words: &[&str]) {
        let ts = Ts::from_nanos(self.now + SECOND);
        let px = |text: &str| Price::parse(text, 2).unwrap();
        let qty = |text: &str| Qty::parse(text, 3).unwrap();
        let mut flags = DepthFlags::NONE;
        let mut rows: Vec<MboTick> = Vec::new();
        let mut rest = words;
        while let Some(word) = rest.first() {
            let (action, side, px, qty, used) = match *word {
                "clear" | "gap" => {
                    flags = flags.with(if *word == "clear" { DepthFlags::CLEAR } else { DepthFlags::GAP });
                    rest = &rest[1..];
                    continue;
                }
                "add" => {
                    let side = if rest[2] == "bid" { Side::Buy } else { Side::Sell };
                    (MboAction::Add, Some(side), px(rest[3]), qty(rest[4]), 5)
                }
                "modify" => (MboAction::Modify, None, px(rest[2]), qty(rest[3]), 4),
                "cancel" => (MboAction::Cancel, None, Price::ZERO, qty(rest[2]), 3),
                "exec" => (MboAction::Execute, None, Price::ZERO, qty(rest[2]), 3),
                other => panic!("unknown word {other}"),
            };
            rows.push(MboTick {
                instrument: InstrumentIx(0),
                ts_event: ts,
                ts_recv: ts,
                action: Some(action),
                side,
                px,
                qty,
                order_id: rest[1].parse().unwrap(),
                flags: std::mem::take(&mut flags),
            });
            rest = &rest[used..];
        }
        let last = rows.last_mut().unwrap();
        last.flags = last.flags.with(DepthFlags::LAST);
        for row in &rows {
            self.record(&MarketRecord::Mbo(*row));
        }
    }

    fn command(&mut self, words: &[&str]) {
        let (delay, words) = match words[0].strip_prefix('+') {
            Some(seconds) => (seconds.parse::<i64>().unwrap(), &words[1..]),
            None => (0, words),
        };
        let now = Ts::from_nanos(self.now + delay * SECOND);
        let mut send = |command: Command| self.venue.on_command(now, &command, &mut self.out).unwrap();
        if let Some(kind) = GroupKind::ALL.iter().find(|kind| kind.text() == words[0]) {
            let mut first = None;
            for (leg, words) in (0..).zip(words[1..].split(|word| *word == "|")) {
                let (client_order_id, mut request) = order(words, now);
                let first = *first.get_or_insert(client_order_id.number);
                request.terms.group = Some(GroupLeg { kind: *kind, leg, first });
                send(Command::Submit { client_order_id, request });
            }
            return;
        }
        let id = |text: &str| ClientOrderId { strategy: StrategyIx(0), number: text.parse().unwrap() };
        let command = match words[0] {
            "cancel" => Command::Cancel { client_order_id: id(words[1]) },
            "amend" => Command::Amend { client_order_id: id(words[1]), amendment: amendment(&words[2..]) },
            "cancel_all" => Command::CancelAll { strategy: StrategyIx(0), instrument: Some(InstrumentIx(0)) },
            "disconnect" => return self.venue.on_disconnect(now, &mut self.out).unwrap(),
            _ => {
                let (client_order_id, request) = order(words, now);
                Command::Submit { client_order_id, request }
            }
        };
        send(command);
    }
}

fn side(word: &str) -> Side {
    if word == "buy" { Side::Buy } else { Side::Sell }
}

fn amendment(words: &[&str]) -> Amendment {
    let mut amendment = Amendment::default();
    for word in words {
        match word.split_once('=').unwrap() {
            ("qty", q) => amendment.order_qty = Some(Qty::parse(q, 3).unwrap()),
            ("limit", p) => amendment.limit_px = Some(Price::parse(p, 2).unwrap()),
            ("trigger", p) => amendment.trigger_px = Some(Price::parse(p, 2).unwrap()),
            (key, _) => panic!("unknown key {key}"),
        }
    }
    amendment
}

/// An order with its name.
fn order(words: &[&str], now: Ts) -> (ClientOrderId, OrderRequest) {
    let strategy = words.iter().find_map(|word| word.strip_prefix("as=")).map_or(0, |text| text.parse().unwrap());
    let id = ClientOrderId { strategy: StrategyIx(strategy), number: words[0].parse().unwrap() };
    (id, request(&words[1..], now))
}

fn request(words: &[&str], now: Ts) -> OrderRequest {
    let px = |ix: usize| Price::parse(words[ix], 2).unwrap();
    let (kind, rest) = match words[2] {
        "market" => (OrderKind::Market, 3),
        "limit" => (OrderKind::Limit { limit_px: px(3) }, 4),
        "stop" => (OrderKind::Stop { trigger_px: px(3) }, 4),
        "touch" => (OrderKind::Touch { trigger_px: px(3) }, 4),
        "touch_limit" => (OrderKind::TouchLimit { trigger_px: px(3), limit_px: px(4) }, 5),
        "trail" => (OrderKind::Trailing { trail: Trail::Px(px(3)) }, 4),
        "trail_bps" => (OrderKind::Trailing { trail: Trail::Bps(words[3].parse().unwrap()) }, 4),
        _ => (OrderKind::StopLimit { trigger_px: px(3), limit_px: px(4) }, 5),
    };
    let market = OrderRequest::market(InstrumentIx(0), side(words[0]), Qty::parse(words[1], 3).unwrap());
    let mut request = OrderRequest { kind, ..market };
    for word in &words[rest..] {
        if let Some((key, value)) = word.split_once('=') {
            rare_term(&mut request.terms, key, value);
            continue;
        }
        match *word {
            "reprice" => (request.post_only, request.terms.reprice) = (true, true),
            "post" => request.post_only = true,
            "reduce" => request.reduce_only = true,
            "gtc" => request.time_in_force = TimeInForce::Gtc,
            "ioc" => request.time_in_force = TimeInForce::Ioc,
            "fok" => request.time_in_force = TimeInForce::Fok,
            "day" => request.time_in_force = TimeInForce::Day,
            gtd => {
                let seconds: i64 = gtd.strip_prefix("gtd+").unwrap().parse().unwrap();
                request.time_in_force = TimeInForce::Gtd(now.saturating_add(Span::from_nanos(seconds * SECOND)));
            }
        }
    }
    request
}

fn rare_term(terms: &mut Terms, key: &str, value: &str) {
    match key {
        "from" => terms.activation_px = Some(Price::parse(value, 2).unwrap()),
        "by" => terms.trigger_by = *TriggerBy::ALL.iter().find(|by| by.text() == value).unwrap(),
        "show" => terms.display = Some(Display { qty: Qty::parse(value, 3).unwrap(), variance_bps: 0 }),
        "vary" => {
            if let Some(display) = &mut terms.display {
                display.variance_bps = value.parse().unwrap();
            }
        }
        "of" => terms.position_side = PositionSide::ALL.iter().find(|side| side.text() == value).copied(),
        "as" => {}
        _ => panic!("unknown key {key}"),
    }
}

fn text_of(timed: &TimedReport, is_asked: bool) -> String {
    let what = match &timed.report {
        VenueReport::Accepted { .. } => "accepted".to_owned(),
        VenueReport::Rejected { reason, .. } => format!("rejected {reason}"),
        VenueReport::Triggered { .. } => "triggered".to_owned(),
        VenueReport::Replaced { order_qty, kind, .. } => match kind.limit_px().filter(|_| !is_asked) {
            Some(px) => format!("replaced {} at {}", order_qty.display(3), px.display(2)),
            None => format!("replaced {}", order_qty.display(3)),
        },
        VenueReport::Held { .. } => "held".to_owned(),
        VenueReport::Activated { order_qty, .. } => format!("activated {}", order_qty.display(3)),
        VenueReport::Resized { order_qty, .. } => format!("resized {}", order_qty.display(3)),
        VenueReport::AmendRejected { reason, .. } => format!("amend_rejected {reason}"),
        VenueReport::CancelRejected { reason, .. } => format!("cancel_rejected {reason}"),
        VenueReport::Filled(f) => {
            let (px, qty) = (f.last_px.display(2), f.last_qty.display(3));
            format!("filled {px} {qty} {} {}", f.liquidity, f.evidence.basis)
        }
        VenueReport::Canceled { reason, .. } => format!("canceled {reason}"),
        VenueReport::Expired { .. } => "expired".to_owned(),
        VenueReport::Funding(f) => {
            format!("position pays {} for {} at {}", f.paid, f.net_qty.display(3), f.mark_px.display(2))
        }
        VenueReport::Settled(settled) => format!("position settled at {}", settled.settlement_px.display(2)),
        VenueReport::Liquidated(l) => {
            let (px, qty, of) = (l.last_px.display(2), l.last_qty.display(3), l.net_qty.display(3));
            format!(
                "liquidated {} {px} {qty} of {of}: {} with {} <= {}, fee {}",
                l.side, l.stage, l.margin_balance, l.maintenance, l.fee
            )
        }
        VenueReport::Interest(charged) => {
            let of = if charged.currency == CurrencyIx(0) { "base" } else { "quote" };
            format!("interest {} on {} {of}", charged.interest, charged.borrowed)
        }
        VenueReport::MarginCalled(call) => format!("margin call {} / {}", call.standing.assets, call.standing.debt),
        VenueReport::LoanLiquidated(trade) => format!(
            "forced {} {} at {}{}, fee {}, with {} / {}",
            trade.side,
            trade.amount,
            trade.last_px.display(2),
            if trade.whole { " whole" } else { "" },
            trade.fee,
            trade.standing.assets,
            trade.standing.debt
        ),
        VenueReport::HoldingSettled(report) => {
            let fate =
                report.settlement_px.map_or_else(|| "lost".to_owned(), |px| format!("settled at {}", px.display(2)));
            format!("holding {} {fate}", report.holding)
        }
        VenueReport::Bankrupt(b) => format!("bankrupt {}", b.covered),
    };
    let seconds = timed.ts_event.nanos() as f64 / SECOND as f64;
    match timed.report.client_order_id() {
        Some(id) => format!("{} {what} @{seconds}", id.number),
        None => format!("{what} @{seconds}"),
    }
}

impl Stage {
    /// Quantity of each fill, with the queue ahead as its order came.
    pub(super) fn fills(&self) -> Vec<(Qty, Qty)> {
        let fills = self.out.iter().filter_map(|timed| match &timed.report {
            VenueReport::Filled(fill) => Some((fill.last_qty, fill.evidence.queue_entry_qty)),
            _ => None,
        });
        fills.collect()
    }
}

/// The venue of the words after `venue`, and one instrument.
fn stage_of(words: Option<&str>) -> Stage {
    let words: Vec<&str> = words.into_iter().flat_map(str::split_whitespace).collect();
    let mut stage = Stage::new(plain_spec(1), 1);
    let mut contract = instrument(0);
    if let Some(multiplier) = words.iter().find_map(|word| word.strip_prefix("inverse=")) {
        contract.kind = InstrumentKind::Inverse;
        contract.settlement = contract.base;
        contract.multiplier = multiplier.parse().unwrap();
    }
    stage.venue = SimVenue::new(spec_of(&words), &[contract]).unwrap();
    stage
}

/// Plays a script without expectations.
pub(super) fn check_only(script: &str) -> Stage {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    let mut stage =
        stage_of(lines.next_if(|line| line.starts_with("venue")).and_then(|line| line.strip_prefix("venue")));
    lines.for_each(|line| stage.line(line));
    stage
}

/// Plays the script and compares; returns the stage for more questions.
pub(super) fn check(script: &str) -> Stage {
    let mut lines = script.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).peekable();
    let mut stage = stage_of(lines.next_if(|l| l.starts_with("venue")).and_then(|l| l.strip_prefix("venue")));
    let (mut said, mut expected) = (String::new(), String::new());
    let mut seen = 0;
    for line in lines {
        let (action, is_action) = (line, !line.starts_with('>'));
        expected.push_str(line);
        expected.push('\n');
        if !is_action {
            continue;
        }
        stage.line(action);
        said.push_str(action);
        said.push('\n');
        let reports: Vec<String> = {
            let is_asked = action.contains("amend");
            stage.out[seen..].iter().map(|timed| text_of(timed, is_asked)).collect()
        };
        seen = stage.out.len();
        for report in reports.iter().filter(|r| !r.contains(" accepted ")) {
            said.extend(["> ", report, "\n"]);
        }
    }
    assert!(said == expected, "expected:\n{expected}\nbut it was:\n{said}");
    stage
}
