/// Something that befalls a deal and moves it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// A customer or a colleague does something, and some system notices.
    Event { source: &'static str, event_type: &'static str },
    /// A colleague drags the deal to another stage.
    ByHand { stage_id: &'static str, actor: &'static str, comment: &'static str },
}

/// What may happen to a deal, by the stage on which it stands, and how likely it is.
pub(super) const ACTS: &[(&str, &[(u32, Act)])] = &[
    ("new", &[(8, MAIL_OFFER), (2, CALL)]),
    ("offer-sent", &[(16, OPEN_MAIL), (3, CALL), (1, CANCEL)]),
    ("offer-read", &[(14, CALL), (5, WRITE_INVOICE), (1, GIVE_UP)]),
    ("negotiation", &[(16, WRITE_INVOICE), (1, CANCEL), (1, GIVE_UP)]),
    ("invoice-sent", &[(18, PAY), (1, CANCEL)]),
    ("lost", &[(1, RETURN), (1, REOPEN)]),
];

const MAIL_OFFER: Act = Act::Event { source: "mailer", event_type: "email.sent" };
const OPEN_MAIL: Act = Act::Event { source: "mailer", event_type: "email.viewed" };
const CALL: Act = Act::Event { source: "phone", event_type: "call.inbound" };
const WRITE_INVOICE: Act = Act::Event { source: "billing", event_type: "document.created" };
const PAY: Act = Act::Event { source: "billing", event_type: "invoice.paid" };
const CANCEL: Act = Act::Event { source: "shop", event_type: "order.canceled" };
const RETURN: Act = Act::Event { source: "site", event_type: "site.returned" };
const GIVE_UP: Act =
    Act::ByHand { stage_id: "lost", actor: "olga", comment: "bought it elsewhere" };
const REOPEN: Act =
    Act::ByHand { stage_id: "negotiation", actor: "marek", comment: "called us back" };

/// What happens next to a deal on this stage, if anything.
pub(super) fn next_act(stage_id: &str, dice: &mut Dice) -> Option<Act> {
    let (_, acts) = ACTS.iter().find(|(stage, _)| *stage == stage_id)?;
    let mut roll = dice.below(acts.iter().map(|(weight, _)| weight).sum());
    for (weight, act) in *acts {
        if roll < *weight {
            return Some(*act);
        }
        roll -= weight;
    }
    None
}

/// Chance enough for a story, and the same in each run.
#[derive(Debug)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number from 0 to below `end`; 0 when `end` is 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = u128::from(mixed ^ (mixed >> 31));
        u32::try_from((mixed * u128::from(end)) >> 64).unwrap_or(0)
    }

    /// One of these, or `None` when there is none.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let count = u32::try_from(of.len()).unwrap_or(u32::MAX);
        of.get(self.below(count) as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everything_happens_sooner_or_later() {
        let mut dice = Dice::new(1);
        for (stage, acts) in ACTS {
            let happened: HashSet<_> =
                (0..1_000).map(|_| format!("{:?}", next_act(stage, &mut dice).unwrap())).collect();
            assert_eq!(happened.len(), acts.len(), "{stage}");
        }
        assert_eq!(next_act("won", &mut dice), None);
    }

    #[test]
    fn dice_stay_below_the_end_and_reach_every_number() {
        let mut dice = Dice::new(7);
        let rolled: HashSet<u32> = (0..1_000).map(|_| dice.below(6)).collect();
        assert_eq!(rolled, (0..6).collect());
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
