//! The texts themselves: every file parses, and both languages have the same messages.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, Resource};
use fluent_syntax::parser::parse;
use report::{Code, Exit, FILES, Lang, Reader, Whose};

/// Variables of every message and attribute of a file, by `id` or `id.attribute`.
fn messages(room: &str, source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let resource: Resource<&str> =
        parse(source).unwrap_or_else(|(_, errors)| panic!("{room}.ftl: {errors:?}"));
    let mut found = BTreeMap::new();
    for entry in resource.body {
        let Entry::Message(message) = entry else { continue };
        let id = message.id.name;
        let attributes = message.attributes.iter();
        let parts = message
            .value
            .iter()
            .map(|value| (id.to_owned(), value))
            .chain(attributes.map(|one| (format!("{id}.{}", one.id.name), &one.value)));
        for (name, pattern) in parts {
            let mut variables = BTreeSet::new();
            collect(pattern, &mut variables);
            assert!(found.insert(name.clone(), variables).is_none(), "{room}.ftl: {name} twice");
        }
    }
    found
}

fn collect(pattern: &Pattern<&str>, variables: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            in_expression(expression, variables);
        }
    }
}

fn in_expression(expression: &Expression<&str>, variables: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(inline) => in_inline(inline, variables),
        Expression::Select { selector, variants } => {
            in_inline(selector, variables);
            variants.iter().for_each(|variant| collect(&variant.value, variables));
        }
    }
}

fn in_inline(inline: &InlineExpression<&str>, variables: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => {
            // A count selects in one language and is only shown in the other.
            let name = id.name.strip_suffix("_text").unwrap_or(id.name);
            if !["own", "peer"].contains(&name) {
                variables.insert(name.to_owned());
            }
        }
        InlineExpression::Placeable { expression } => in_expression(expression, variables),
        _ => {}
    }
}

#[test]
fn both_languages_have_every_message_with_the_same_variables() {
    let mut ids = BTreeSet::new();
    for (room, english, french) in FILES {
        let [english, french] = [english, french].map(|source| messages(room, source));
        for (id, variables) in &english {
            assert_eq!(Some(variables), french.get(id), "{room}.ftl: {id}");
            assert!(ids.insert(id.clone()), "{room}.ftl: {id} is in another file too");
        }
        for id in french.keys() {
            assert!(english.contains_key(id), "{room}.ftl: {id} is in French alone");
        }
    }
}

#[test]
fn every_row_of_the_tables_has_its_words() {
    for lang in Lang::ALL {
        for whose in Whose::ALL {
            assert!(whose.text().exists(lang), "{whose:?}");
        }
        for exit in Exit::ALL {
            assert!(exit.meaning().exists(lang), "{exit:?}");
        }
        for code in Code::ALL {
            let meaning = code.meaning().render(&Reader { lang, ..Reader::LOG });
            assert!(!meaning.is_empty() && !meaning.contains(['{', '$']), "{code:?}: {meaning}");
            let advice = code.meaning().attribute("try");
            assert!(!advice.render(&Reader { lang, ..Reader::LOG }).is_empty(), "{code:?}");
        }
    }
}
