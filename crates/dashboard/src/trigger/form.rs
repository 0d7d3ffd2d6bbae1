//! The form in which a trigger is told what to do, made from what its type takes.

use maud::{Markup, html};
use pawl_domain::{Comparison, Parameter, ParameterKind, Pipeline, Trigger, TriggerType};

use super::filled::{Filled, Problem, STATES, input_of};
use crate::board::stage_label;
use crate::{address, once};

/// What the form shows.
pub(super) struct Sheet<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) trigger_type: &'a TriggerType,
    /// The one that is changed; `None` for a new one.
    pub(super) trigger: Option<&'a Trigger>,
    pub(super) filled: &'a Filled,
    pub(super) problems: &'a [Problem],
    /// What came of a check.
    pub(super) result: Option<Markup>,
}

/// What people call a parameter.
pub(super) fn title_of(parameter: &Parameter) -> &str {
    match parameter.title.as_str() {
        "" => parameter.name.as_str(),
        title => title,
    }
}

/// How an event is compared with a parameter, and what may be given.
fn hint(parameter: &Parameter) -> String {
    let wants = match parameter.comparison {
        Comparison::Exact => "is exactly this",
        Comparison::Prefix => "begins with this",
        Comparison::Contains => "contains this, in large or small letters",
        Comparison::AtLeast => "is this or more",
        Comparison::AtMost => "is this or less",
        Comparison::Changed => "one of these fields changed",
        Comparison::ChangedFrom => "was this before",
        Comparison::ChangedTo => "is this now",
    };
    let what = if parameter.comparison.is_of_changes() {
        String::new()
    } else {
        format!("“{}” of the event ", parameter.attribute)
    };
    let several = match (parameter.comparison.takes_list(), parameter.options.is_empty()) {
        (false, _) => "",
        (true, true) => " Several with commas between them: one has to do.",
        (true, false) => " Several may be chosen: one has to do.",
    };
    let empty = if parameter.required { "" } else { " Empty: anything will do." };
    format!("Holds when {what}{wants}.{several}{empty}")
}

impl Sheet<'_> {
    pub(super) fn form(&self) -> Markup {
        let action = match self.trigger {
            Some(trigger) => address::trigger(&trigger.id),
            None => format!("{}/triggers", address::board(&self.pipeline.id)),
        };
        html! {
            form.grid data-dialog method="post" action=(action)
                data-check={ (address::board(&self.pipeline.id)) "/triggers/check" } {
                @for problem in self.problems_at("") { p.problem role="alert" { (problem.text) } }
                @match self.trigger {
                    Some(trigger) => {
                        input type="hidden" name="trigger" value=(trigger.id);
                        input type="hidden" name="revision" value=(trigger.version.revision);
                    }
                    None => {
                        input type="hidden" name="type" value=(self.trigger_type.code);
                        (once::input(self.filled.text(once::INPUT)))
                    }
                }
                @for parameter in &self.trigger_type.parameters { (self.parameter(parameter)) }
                (self.filter())
                (self.stage())
                (self.state())
                (self.options())
                (self.name())
                @if self.trigger.is_none() { (self.more()) }
                div data-result aria-live="polite" { @if let Some(result) = &self.result { (result) } }
                p.actions {
                    button.primary { @if self.trigger.is_some() { "Save" } @else { "Add trigger" } }
                    noscript { button name="action" value="check" { "Try it first" } }
                    a.button.quiet.away href=(address::board(&self.pipeline.id)) { "Back to the board" }
                }
            }
        }
    }

    fn problems_at<'s>(&'s self, input: &'s str) -> impl Iterator<Item = &'s Problem> {
        self.problems.iter().filter(move |problem| problem.input == input)
    }

    /// What is wrong with an input, beside it.
    fn told(&self, input: &str) -> Markup {
        html! {
            @for problem in self.problems_at(input) {
                span.problem role="alert" id={ "bad-" (input) } { (problem.text) }
            }
        }
    }

    fn is_bad(&self, input: &str) -> Option<&'static str> {
        self.problems_at(input).next().map(|_| "true")
    }

    fn parameter(&self, parameter: &Parameter) -> Markup {
        let input = input_of(parameter.name.as_str());
        if !parameter.options.is_empty() {
            return self.choice(parameter, &input);
        }
        let is_number = !parameter.comparison.takes_list();
        let mode = (parameter.kind == ParameterKind::Number).then_some("decimal");
        html! {
            label {
                (title_of(parameter)) (required(parameter))
                input name=(input) value=(self.filled.text(&input)) required[parameter.required]
                    type=(if is_number { "number" } else { "text" }) step=[is_number.then_some("any")]
                    inputmode=[mode] autocomplete="off" aria-invalid=[self.is_bad(&input)];
                small { (hint(parameter)) }
                (self.told(&input))
            }
        }
    }

    /// Where there is something to choose from.
    fn choice(&self, parameter: &Parameter, input: &str) -> Markup {
        if !parameter.comparison.takes_list() {
            return html! {
                label {
                    (title_of(parameter)) (required(parameter))
                    select name=(input) aria-invalid=[self.is_bad(input)] {
                        option value="" { "anything" }
                        @for option in &parameter.options {
                            option value=(option) selected[self.filled.text(input) == option] { (option) }
                        }
                    }
                    small { (hint(parameter)) }
                    (self.told(input))
                }
            };
        }
        html! {
            fieldset aria-invalid=[self.is_bad(input)] {
                legend { (title_of(parameter)) (required(parameter)) }
                @for option in &parameter.options {
                    label.choice {
                        input type="checkbox" name=(input) value=(option)
                            checked[self.filled.all(input).any(|chosen| chosen == option)];
                        span { (option) }
                    }
                }
                small.hint { (hint(parameter)) }
                (self.told(input))
            }
        }
    }

    fn filter(&self) -> Markup {
        html! {
            label.wide {
                "Condition " span.faint { "(filter)" }
                textarea.code name="filter" rows="3" spellcheck="false" autocomplete="off"
                    placeholder="entity.fields.amount >= 500" aria-invalid=[self.is_bad("filter")] {
                    (self.filled.text("filter"))
                }
                small { "What else must hold, written in CEL, of "
                    code { "event.attributes" } ", " code { "entity.fields" } ", "
                    code { "entity.responsible" } " and others. Empty: nothing else." }
                (self.told("filter"))
            }
        }
    }

    fn stage(&self) -> Markup {
        html! {
            label {
                "Stage"
                select name="stage" aria-invalid=[self.is_bad("stage")] {
                    @for stage in self.pipeline.stages.in_order() {
                        option value=(stage.id) selected[self.filled.text("stage") == stage.id.as_str()] {
                            (stage_label(stage))
                        }
                    }
                }
                small { "Where it sits, and moves to." }
                (self.told("stage"))
            }
        }
    }

    fn state(&self) -> Markup {
        html! {
            label {
                "State"
                select name="state" aria-invalid=[self.is_bad("state")] {
                    @for (_, name, meaning) in STATES {
                        option value=(name) selected[self.filled.text("state") == name] { (meaning) }
                    }
                }
                (self.told("state"))
            }
        }
    }

    fn options(&self) -> Markup {
        let options = [
            ("allow_move_back", "Allow moving back to previous status"),
            ("allow_reopen", "Allow reopening what is won or lost"),
        ];
        html! {
            fieldset {
                legend { "It may also" }
                @for (name, title) in options {
                    label.choice { input type="checkbox" name=(name) checked[self.filled.has(name)]; span { (title) } }
                }
            }
        }
    }

    fn name(&self) -> Markup {
        let sentence = self.trigger.filter(|trigger| !trigger.is_named);
        html! {
            label {
                "Name"
                input name="name" value=(self.filled.text("name")) autocomplete="off"
                    placeholder=[sentence.map(|trigger| trigger.display_name.as_str())]
                    aria-invalid=[self.is_bad("name")];
                small { "Empty: it is called after what it waits for." }
                (self.told("name"))
            }
        }
    }

    fn more(&self) -> Markup {
        let is_open = !self.filled.text("id").is_empty() || self.is_bad("id").is_some();
        html! {
            details open[is_open] {
                summary { "More" }
                label {
                    "Id"
                    input name="id" value=(self.filled.text("id")) autocomplete="off" spellcheck="false"
                        aria-invalid=[self.is_bad("id")];
                    small { "By which programs know it, and which never changes. Empty: made of stage and type." }
                    (self.told("id"))
                }
            }
        }
    }
}

fn required(parameter: &Parameter) -> Markup {
    html! { @if parameter.required { " " span.mark { "required" } } }
}
