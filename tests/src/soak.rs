//! Random scenarios: a seed gives a whole scenario, instruments, data, models and strategies among it.
//!
//! Enters: a seed. Leaves: the text of a scenario that loads and can be played. Invariant: the same seed
//! gives the same text. A day of trading is far too long here: scenarios last some hours, so that hundreds
//! of them can be played in a minute.

use std::fmt::Write as _;

use tapedeck_model::random::{Draws, Stream};

/// A random scenario.
pub fn scenario(seed: u64) -> String {
    let mut dice = Dice(Draws::new(seed, "soak").stream(0));
    let borrows = dice.chance(15);
    let instruments = 1 + dice.below(3);
    // An account that borrows is that of the only venue.
    let venues = if borrows { 1 } else { 1 + dice.below(2.min(instruments)) };
    let mut kind = || if borrows { "spot_margin" } else { dice.pick(&["spot", "spot", "netting", "margin"]) };
    let kinds: Vec<&str> = (0..venues).map(|_| kind()).collect();
    let mut text = format!(
        "[scenario]\nname = \"soak\"\nseed = {seed}\nbase_currency = \"USD\"\nstart = \"2024-01-01\"\n\
         end = \"2024-01-01T0{}:00:00Z\"\n{}\n",
        1 + dice.below(6),
        if dice.chance(25) { "warm_up = \"30m\"\n" } else { "" },
    );
    for nth in 0..instruments {
        let venue = nth % venues;
        text.push_str(&instrument(&mut dice, (nth, venue), kinds[venue as usize]));
    }
    let is_inverse = |nth: &u64| {
        text.contains(&format!("symbol = \"C{nth}USD\"\nvenue = \"V{}\"\nkind = \"inverse\"", nth % venues))
    };
    let inverse: Vec<u64> = (0..instruments).filter(is_inverse).collect();
    for nth in 0..venues {
        let kind = kinds[nth as usize];
        let coins: Vec<u64> = inverse.iter().copied().filter(|coin| coin % venues == nth).collect();
        let (key, head) = if venues > 1 { ("account", "") } else { ("kind", "[account]\n") };
        let mut told = format!("{head}{}", account(&mut dice, (key, kind), &coins));
        // The first instrument of a venue may be one of its token.
        let token = (!borrows && coins.is_empty() && dice.chance(25))
            .then(|| format!("token = \"C{nth}\"\ntoken_instrument = \"C{nth}USD\"\ndiscount = \"0.25\"\n"));
        if token.is_some() {
            let there = dice.pick(&["0.002", "0.05", "3"]);
            told = told.replacen("deposits = {", &format!("deposits = {{ C{nth} = \"{there}\","), 1);
        }
        let told_here = if venues > 1 { told.as_str() } else { "" };
        text.push_str(&venue(&mut dice, nth, (kind == "spot", told_here, token.as_deref())));
        if venues == 1 {
            let _ = writeln!(text, "{told}");
        }
    }
    if kinds[0] == "margin" {
        let brackets = dice.pick(&["", "", BRACKETS]);
        let in_coin = || brackets.replace("\"200\"", "\"2\"").replace("\"1000\"", "\"10\"");
        text.push_str(&if inverse.contains(&0) { in_coin() } else { brackets.to_owned() });
    }
    if venues > 1 && dice.chance(60) {
        text.push_str(&transfers(&mut dice));
    }
    for nth in 0..=dice.below(2) {
        text.push_str(&strategy(&mut dice, nth, instruments));
    }
    for incident in INCIDENTS {
        // Nothing comes or goes in the midst of debts.
        if dice.chance(12) && (!borrows || incident.contains("duration")) {
            let minute = dice.below(60);
            let venue = format!("venue = \"V{}\"\n", dice.below(venues));
            let venue = if venues > 1 || incident.contains("duration") { venue } else { String::new() };
            let _ = writeln!(text, "[[incident]]\n{incident}\n{venue}start = \"2024-01-01T00:{minute:02}:00Z\"\n");
        }
    }
    for rule in RULES {
        if dice.chance(20) {
            let _ = writeln!(text, "[[risk]]\n{rule}\n");
        }
    }
    if dice.chance(15) && !borrows {
        // What fees are paid in does not end with its instrument.
        let is_held = text.contains("token = \"C0\"");
        text.push_str(&delisting(&mut dice, (kinds[0] == "spot", is_held)));
    }
    if dice.chance(25) && !borrows && !inverse.contains(&0) {
        text.push_str(&redenomination(&mut dice, &text, kinds[0] == "spot"));
    }
    text
}

/// The first instrument is taken off its venue.
fn delisting(dice: &mut Dice, (spot, is_held): (bool, bool)) -> String {
    let at = dice.pick(&["settle_at = \"last\"", "settle_at = \"price\"\nsettlement_px = \"97.5\""]);
    let fate = match (spot, dice.below(3)) {
        (true, nth) if nth == 0 || is_held => "holdings = \"hold\"".to_owned(),
        (true, 1) => "holdings = \"write_off\"".to_owned(),
        (true, _) => format!("holdings = \"settle\"\n{at}"),
        (false, _) => at.to_owned(),
    };
    let minute = dice.below(60);
    format!(
        "[[incident]]\nkind = \"delisting\"\ninstrument = \"C0USD\"\n{fate}\nstart = \"2024-01-01T00:{minute:02}:30Z\"\n\n"
    )
}

/// The asset of the first instrument changes its units, and the tape goes on at the same prices. Not where fees are paid
/// in it, and where anything is settled: books are not told anew, so there may be no price.
fn redenomination(dice: &mut Dice, before: &str, spot: bool) -> String {
    if ["expiry =", "kind = \"delisting\"", "token = \"C0\""].iter().any(|what| before.contains(what)) {
        return String::new();
    }
    // A contract is not redenominated in part. The tapes are made up in old units to their end, which is told from a
    // price that moved where the ratio is large.
    let ratio = if spot { dice.pick(&["0.25", "0.3", "2", "4"]) } else { dice.pick(&["2", "4"]) };
    let (minute, second) = (dice.below(60), dice.below(60));
    format!(
        "[[incident]]\nkind = \"redenomination\"\nasset = \"C0\"\nvenue = \"V0\"\nratio = \"{ratio}\"\n\
         start = \"2024-01-01T00:{minute:02}:{second:02}Z\"\n\n"
    )
}

/// Draws that read well.
struct Dice(Stream);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// Whether something of `percent` probability happens.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

const RULES: [&str; 8] = [
    "rule = \"drawdown\"\nfraction = \"0.02\"\naction = \"flatten\"",
    "rule = \"daily_loss\"\nlimit = \"50\"\naction = \"cancel\"",
    "rule = \"losing_streak\"\ncount = 5\npause = \"20m\"",
    "rule = \"order_rate\"\ncount = 20\ninterval = \"10m\"",
    "rule = \"max_position\"\nlimit = \"20\"\nshrink = true",
    "rule = \"max_order_notional\"\nlimit = \"500\"\nshrink = true",
    "rule = \"price_collar\"\nbps = \"500\"",
    "rule = \"max_open_orders\"\nlimit = 10",
];

const INCIDENTS: [&str; 9] = [
    "kind = \"outage\"\nduration = \"7m\"",
    "kind = \"feed_gap\"\nduration = \"11m\"",
    "kind = \"disconnect\"\nduration = \"5m\"",
    "kind = \"reject\"\nduration = \"30m\"\nprobability = \"0.3\"",
    "kind = \"rate_limit\"\nduration = \"20m\"\norders = 2\ninterval = \"1m\"",
    "kind = \"slow\"\nduration = \"20m\"\nfactor = \"20\"",
    "kind = \"deposit\"\ncurrency = \"USD\"\namount = \"250\"",
    "kind = \"withdrawal\"\ncurrency = \"USD\"\namount = \"400\"",
    "kind = \"airdrop\"\ncurrency = \"USD\"\namount = \"3\"",
];

const LATENCIES: [&str; 4] = [
    "model = \"by_rate\"\nbase = \"300ms\"\nreference = 1\nwindow = \"5s\"",
    "model = \"none\"",
    "model = \"constant\"\ndelay = \"2s\"",
    "model = \"lognormal\"\nmedian = \"500ms\"\nsigma = \"1\"",
];

/// One instrument with its data: `nth` of the run, traded at a venue.
fn instrument(dice: &mut Dice, (nth, venue): (u64, u64), account: &str) -> String {
    let kind = match account {
        "spot" | "spot_margin" => "spot",
        "netting" => dice.pick(&["linear", "linear", "inverse"]),
        "margin" => dice.pick(&["linear", "linear", "inverse"]),
        _ => "linear",
    };
    let funded = kind != "spot" && dice.chance(40);
    let terms = match (funded, kind) {
        (true, _) => "funding_interval = \"1h\"\nfunding_missing = \"zero\"\n",
        (false, "linear") => dice.pick(&["", "", "expiry = \"2024-01-01T00:50:00Z\"\n"]),
        (false, _) => "",
    };
    // On margin a coin is worth a hundred dollars, as its contract is: the coins of the wallet reach as far.
    let terms = match kind {
        "inverse" if account == "margin" => format!("{terms}multiplier = \"100\"\n"),
        _ => terms.to_owned(),
    };
    let tick = dice.pick(&["0.01", "0.05", "0.25"]);
    let lot = dice.pick(&["0.01", "0.001"]);
    let least = dice.pick(&["", "notional_min = \"5\"\n", "qty_min = \"0.05\"\n", "qty_max = \"2\"\n"]);
    let mut text = format!(
        "[[instrument]]\nsymbol = \"C{nth}USD\"\nvenue = \"V{venue}\"\nkind = \"{kind}\"\nbase = \"C{nth}\"\n\
         quote = \"USD\"\ntick_size = \"{tick}\"\nlot_size = \"{lot}\"\n{least}{terms}\n"
    );
    let feed =
        if dice.chance(30) { format!("[data.feed_latency]\n{}\n", dice.pick(&LATENCIES)) } else { String::new() };
    let mut data = |kind: &str, interval: &str, generator: &str| {
        let _ = writeln!(
            text,
            "[[data]]\ninstrument = \"C{nth}USD\"\nkind = \"{kind}\"\n{interval}[data.synthetic]\n{generator}\n{feed}"
        );
    };
    let dealt = |generator: &str| format!("start_price = \"100\"\n{generator}");
    match dice.below(6) {
        0 => data("bars", "interval = \"1m\"\n", &dealt("generator = \"garch\"\nvolatility = \"4\"")),
        1 => data("bars", "interval = \"5m\"\n", &dealt("generator = \"garch\"\nvolatility = \"2\"\nvolume = \"3\"")),
        2 => data("trades", "", &dealt("generator = \"ticks\"\ngap = \"3s\"")),
        3 => data("quotes", "", &dealt("generator = \"ticks\"\ngap = \"3s\"\nspread = 2")),
        4 => data("mbo", "", &dealt("generator = \"flow\"\nsize = \"2\"\ngap = \"3s\"")),
        _ => {
            let flow = dealt("generator = \"flow\"\nsize = \"2\"\ngap = \"3s\"");
            data("depth", "", &flow);
            data("trades", "", &flow);
        }
    }
    if funded {
        let marks = "generator = \"garch\"\nvolatility = \"3\"\npremium_bps = \"3\"";
        data("mark", "interval = \"1m\"\n", &format!("start_price = \"100\"\n{marks}"));
        data("funding", "interval = \"1h\"\n", "generator = \"funding\"\nrate = \"0.001\"\nnoise = \"0.002\"");
    }
    text
}

fn venue(dice: &mut Dice, nth: u64, (spot, account, token): (bool, &str, Option<&str>)) -> String {
    let mut text = format!(
        "[[venue]]\nname = \"V{nth}\"\n{account}path = \"{}\"\nlimit_fill = \"{}\"\nparticipation = \"{}\"\nmaker_fill = \"{}\"\n{}\
         self_trade_prevention = \"{}\"\namend_keeps_priority = {}\ncancel_on_disconnect = {}\n",
        dice.pick(&["adaptive", "worst", "best", "ohlc", "olhc"]),
        dice.pick(&["touch", "through"]),
        dice.pick(&["0.1", "0.3", "1", "none"]),
        dice.pick(&["partial", "whole"]),
        dice.pick(&["", "queue_ahead = \"2\"\n", "price_band = \"2\"\n", "reject_probability = \"0.05\"\n"]),
        dice.pick(&["cancel_taker", "cancel_maker", "cancel_both"]),
        dice.chance(70),
        dice.chance(50),
    );
    for table in ["entry_latency", "cancel_latency", "report_latency"] {
        let _ = writeln!(text, "[venue.{table}]\n{}", dice.pick(&LATENCIES));
    }
    let slippage = dice.pick(&[
        "model = \"none\"",
        "model = \"fixed_bps\"\nbps = \"5\"",
        "model = \"half_spread\"\nnoise_bps = \"1\"",
        "model = \"volume_share\"\nshape = \"linear\"",
        "model = \"volatility\"",
        "model = \"square_root\"\nnoise_bps = \"2\"\nnoise = \"half_normal\"",
        "model = \"almgren_chriss\"\ndecay = \"5m\"",
    ]);
    // A contract charges in the currency of its profit.
    let currency = if spot { dice.pick(&["base", "quote"]) } else { "quote" };
    let schedule = "model = \"schedule\"\ntiers = [\"0 0.0002 0.0005\", \"300 -0.0001 0.0004\"]\nwindow = \"1d\"";
    let fees = match (token, dice.below(4)) {
        (Some(token), _) => format!("{schedule}\n{token}"),
        (None, 0) => schedule.to_owned(),
        (None, 1) => {
            format!("model = \"maker_taker\"\nmaker = \"-0.0001\"\ntaker = \"0.001\"\ncurrency = \"{currency}\"")
        }
        (None, _) => {
            format!("model = \"maker_taker\"\nmaker = \"0.0002\"\ntaker = \"0.0005\"\ncurrency = \"{currency}\"")
        }
    };
    let queue = dice.pick(&["risk_averse", "power", "power2", "power3", "log", "log2"]);
    let _ = writeln!(text, "[venue.slippage]\n{slippage}\n[venue.fees]\n{fees}\n[venue.queue]\nmodel = \"{queue}\"\n");
    text
}

/// What is said of an account, the key for its kind being given; `coins` are the instruments traded from it that
/// settle in their base.
fn account(dice: &mut Dice, (key, kind): (&str, &str), coins: &[u64]) -> String {
    match kind {
        "netting" => {
            let (leverage, mode) = (dice.pick(&["1", "3", "10"]), dice.pick(&MODES));
            format!("{key} = \"netting\"\n{mode}max_leverage = \"{leverage}\"\ndeposits = {{ USD = \"3000\" }}\n")
        }
        "margin" => {
            let position_mode = dice.pick(&MODES);
            let (mode, leverage) = (dice.pick(&["cross", "isolated"]), dice.pick(&["1", "5", "12"]));
            let (rate, (dollars, each)) = (dice.pick(&["0.005", "0.05"]), WALLETS[dice.below(3) as usize]);
            let deposits =
                coins.iter().fold(format!("USD = \"{dollars}\""), |all, nth| format!("{all}, C{nth} = \"{each}\""));
            format!(
                "{key} = \"margin\"\n{position_mode}margin_mode = \"{mode}\"\nleverage = \"{leverage}\"\n\
                 maintenance_rate = \"{rate}\"\ndeposits = {{ {deposits} }}\n"
            )
        }
        "spot_margin" => format!(
            "{key} = \"spot_margin\"\nleverage = \"{}\"\nmargin_call = \"{}\"\nliquidation_level = \"1.03\"\n\
             deposits = {{ USD = \"{}\"{} }}\n\n[[borrow]]\ncurrency = \"USD\"\ndaily_rate = \"0.02\"\n\n\
             [[borrow]]\ncurrency = \"USD\"\ndaily_rate = \"0.5\"\nfrom = \"2024-01-01T00:40:00Z\"\n\n{}",
            dice.pick(&["2", "5", "12"]),
            dice.pick(&["1.04", "1.08"]),
            dice.pick(&["50", "500", "3000"]),
            dice.pick(&["", ", C0 = \"1.5\""]),
            dice.pick(&["", "[[borrow]]\ncurrency = \"C0\"\ndaily_rate = \"0.3\"\n\n"]),
        ),
        _ => format!("{key} = \"spot\"\ndeposits = {{ USD = \"5000\" }}\n"),
    }
}

const MODES: [&str; 3] = ["", "position_mode = \"one_way\"\n", "position_mode = \"hedge\"\n"];

/// What a wallet has in dollars, and one in coin.
const WALLETS: [(&str, &str); 3] = [("50", "0.5"), ("500", "5"), ("3000", "30")];

/// Ways for money between two venues, and transfers of which some are refused.
fn transfers(dice: &mut Dice) -> String {
    let mut text = String::new();
    for (from, to) in [("V0", "V1"), ("V1", "V0")] {
        let time = dice.pick(&[
            "model = \"none\"",
            "model = \"constant\", delay = \"9m\"",
            "model = \"lognormal\", median = \"20m\", sigma = \"1\"",
        ]);
        let fee = dice.pick(&["0", "1.5", "0.000000000001"]);
        let way = format!("from = \"{from}\"\nto = \"{to}\"\ncurrency = \"USD\"");
        let _ = writeln!(text, "[[transfer]]\n{way}\nfee = \"{fee}\"\ntime = {{ {time} }}\n");
        for nth in 0..dice.below(4) {
            let (amount, minute) = (dice.pick(&["1", "40", "700", "2900.5"]), dice.below(60));
            let _ = writeln!(
                text,
                "[[incident]]\nname = \"{from}-{nth}\"\nkind = \"transfer\"\n{way}\namount = \"{amount}\"\n\
                 start = \"2024-01-01T00:{minute:02}:00Z\"\n"
            );
        }
    }
    text
}

/// Margin terms of the first instrument, with bounds that small positions reach.
const BRACKETS: &str = "[[margin]]\ninstrument = \"C0USD\"\nleverage = \"20\"\n\
    [[margin.brackets]]\nfloor = \"0\"\nmaintenance_rate = \"0.01\"\nleverage_max = \"50\"\n\
    [[margin.brackets]]\nfloor = \"200\"\nmaintenance_rate = \"0.02\"\nleverage_max = \"25\"\n\
    [[margin.brackets]]\nfloor = \"1000\"\nmaintenance_rate = \"0.05\"\nleverage_max = \"10\"\n\n";

fn strategy(dice: &mut Dice, nth: u64, instruments: u64) -> String {
    let first = dice.below(instruments);
    let names: Vec<String> = (first..instruments).map(|nth| format!("\"C{nth}USD\"")).collect();
    format!(
        "[[strategy]]\nid = \"s{nth}\"\ntype = \"random\"\ninstruments = [{}]\nrate = \"{}\"\nlots_max = {}\nreach = {}\n\
         kinds = \"{}\"\n\n",
        names.join(", "),
        dice.pick(&["0.05", "0.2", "0.5"]),
        dice.pick(&["20", "300", "3000"]),
        dice.pick(&["5", "50"]),
        dice.pick(&["plain", "all"]),
    )
}
