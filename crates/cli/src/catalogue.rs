//! The catalogue of trigger types as a page of the documentation.

use std::fmt::Write;

use pawl_api::pb;

/// The order in which people read the sections; any other comes after these.
const SECTIONS: [&str; 8] = [
    "Client communication",
    "Site",
    "Payment",
    "Delivery",
    "Documents",
    "Tasks",
    "Element control",
    "Apps and webhooks",
];

/// Trigger types by the section that lists them, as people read them.
fn by_section(found: Vec<pb::TriggerType>) -> Vec<(String, Vec<pb::TriggerType>)> {
    let mut sections: Vec<(String, Vec<pb::TriggerType>)> = Vec::new();
    for trigger_type in found {
        match sections.iter_mut().find(|(name, _)| *name == trigger_type.section) {
            Some((_, types)) => types.push(trigger_type),
            None => sections.push((trigger_type.section.clone(), vec![trigger_type])),
        }
    }
    let place = |name: &str| SECTIONS.iter().position(|known| *known == name);
    sections.sort_by_key(|(name, _)| (place(name).unwrap_or(SECTIONS.len()), name.clone()));
    sections
}

/// `min_amount: at least, attribute amount; required`.
fn described(parameter: &pb::Parameter) -> String {
    let pb::Parameter { name, attribute, required, options, .. } = parameter;
    let mut text = format!("{name}: {}", comparison(parameter.comparison()));
    // What changed is no attribute of the event, for all that a name stands there.
    let is_of_the_entity = parameter.comparison() as i32 >= pb::ParameterComparison::Changed as i32;
    if !is_of_the_entity && !attribute.is_empty() && attribute != name {
        let _ = write!(text, ", attribute {attribute}");
    }
    if !options.is_empty() {
        let _ = write!(text, "; one of {}", options.join(", "));
    }
    if *required {
        text.push_str("; required");
    }
    text
}

/// How the event is compared with a parameter.
fn comparison(comparison: pb::ParameterComparison) -> &'static str {
    use pb::ParameterComparison as Comparison;
    match comparison {
        Comparison::Unspecified | Comparison::Exact => "exact",
        Comparison::Prefix => "begins with",
        Comparison::Contains => "contains, in any case of letters",
        Comparison::AtLeast => "at least",
        Comparison::AtMost => "at most",
        Comparison::Changed => "one of these fields changed",
        Comparison::ChangedFrom => "it was this before",
        Comparison::ChangedTo => "it is this now",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use super::*;

    const HEAD: &str = "\
# The catalogue of trigger types

What triggers can listen to. These types come with the service; `pawl trigger-type list` also shows
those that are registered, and `pawl export` writes them down.

A parameter is compared with the attribute of the event that has its name, unless another is given. It
is optional unless it says *required*; left out of a trigger it matches anything. An event that lacks
the attribute does not match. Where a parameter may be a list, the list means *one of these*. An event is published under the code, except in *Element
control*: those types answer the changes that are made with UpdateEntity.

<!-- Made from the domain's table: UPDATE_DOCS=1 cargo test -p pawl-cli catalogue -->

| section | code | title | parameters | kinds |
|---|---|---|---|---|
";

    fn built_in() -> Vec<(String, Vec<pb::TriggerType>)> {
        by_section(pawl_domain::built_in_types().values().map(|found| (&**found).into()).collect())
    }

    fn markdown() -> String {
        let mut text = HEAD.to_owned();
        for (section, types) in built_in() {
            for found in types {
                let parameters: Vec<String> = found.parameters.iter().map(cell).collect();
                let kinds = match found.entity_kinds.as_slice() {
                    [] => "all".to_owned(),
                    kinds => kinds.join(", "),
                };
                let pb::TriggerType { code, title, .. } = &found;
                let parameters = parameters.join("<br>");
                let _ =
                    writeln!(text, "| {section} | `{code}` | {title} | {parameters} | {kinds} |");
            }
        }
        text
    }

    fn cell(parameter: &pb::Parameter) -> String {
        let (name, rest) = (&parameter.name, described(parameter));
        rest.strip_prefix(name.as_str()).map_or(rest.clone(), |rest| format!("`{name}`{rest}"))
    }

    #[test]
    fn the_page_in_docs_is_what_the_domain_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catalogue.md");
        let wanted = markdown();
        if env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
            fs::write(&path, &wanted).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        assert!(page == wanted, "run UPDATE_DOCS=1 cargo test -p pawl-cli catalogue");
    }

    #[test]
    fn sections_stand_in_the_domains_order() {
        assert!(pawl_domain::sections().eq(SECTIONS));
        assert!(built_in().iter().map(|(section, _)| section.as_str()).eq(SECTIONS));
    }
}
