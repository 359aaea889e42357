//! Who vouches for what the report says: signature, time stamps, approvals, audit log, and what a rule deleted.
//!
//! A report is written when its episode is sealed, before time stamps and checkpoints are made: it says who signs and
//! where the rest is found. The overview of an export, which is written later, shows all of it.

use maud::{Markup, html};

use super::sections::{moment, shortened};
use super::verdict::plural;
use crate::manifest::Manifest;
use crate::retention::Deletions;
use crate::sums::{DELETED_FILE, ENVELOPE_FILE, STAMPS_FOLDER};

/// The section of one episode's report.
pub(super) fn vouching(manifest: &Manifest, deletions: Option<&Deletions>) -> Markup {
    html! {
        section #vouching {
            h2 { "Who vouches for this" }
            div.pair {
                div.card {
                    h3 { "Signature" }
                    @match &manifest.signer {
                        Some(key) => {
                            p { "Signed with the key" }
                            p { code { (key) } }
                            p.faint {
                                "The signature is " code { (ENVELOPE_FILE) } " beside this page. A page can not check itself: " code { "deed proof verify" }
                                " says whether the signature holds, and " code { "--key" } " whether the key is the operator’s."
                            }
                        },
                        None => p { "Not signed." },
                    }
                }
                div.card {
                    h3 { "Time and log" }
                    p {
                        "Time stamps of the signature are made after this page: they lie in " code { (STAMPS_FOLDER) "/" }
                        ", and the overview of an export names each."
                    }
                    @if let Some(last) = manifest.audit.last() {
                        p {
                            "Its last line in the audit log, of " (moment(&last.at)) ", has the chain hash " code title=(last.hash) { (shortened(&last.hash)) }
                            ". A signed checkpoint over the whole log comes with an export."
                        }
                    }
                }
            }
            (approvals(manifest))
            @if let Some(deletions) = deletions { (deleted(deletions)) }
        }
    }
}

/// Who approved, when, and which request.
pub(crate) fn approvals(manifest: &Manifest) -> Markup {
    let approvals = &manifest.intent.approvals;
    html! {
        div.below {
            h3 { "Approvals" }
            @if approvals.is_empty() {
                p.faint { "None: nobody had to approve this action." }
            } @else {
                table {
                    thead { tr { th { "Who" } th { "When" } th { "Revision" } th { "Bound to" } th { "Key" } th { "Signature" } } }
                    tbody {
                        @for approval in approvals {
                            tr {
                                td { strong { (approval.approver) } }
                                td { (moment(&approval.at)) }
                                td { (approval.revision) }
                                td { code title=(approval.binding) { (shortened(&approval.binding.to_string())) } }
                                td { code title=(approval.public_key.id()) { (shortened(&approval.public_key.id().to_string())) } }
                                td {
                                    @if approval.verifies() { span.sign.good { "✓ holds" } } @else { span.sign.bad { "✕ does not hold" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a rule deleted, grouped by moment and rule.
pub(crate) fn deleted(deletions: &Deletions) -> Markup {
    let mut groups: Vec<(&str, &str, usize)> = Vec::new();
    for one in &deletions.deleted {
        match groups.iter_mut().find(|(at, rule, _)| (*at, *rule) == (one.at.as_str(), one.rule.as_str())) {
            Some((_, _, count)) => *count += 1,
            None => groups.push((&one.at, &one.rule, 1)),
        }
    }
    html! {
        div.below {
            h3 { "Deleted by rule" }
            table {
                thead { tr { th { "When" } th { "What" } th { "Rule" } } }
                tbody {
                    @for (at, rule, count) in groups {
                        tr {
                            td { (moment(at)) }
                            td { (count) " " (plural(count, "piece of evidence", "pieces of evidence")) }
                            td { (rule) }
                        }
                    }
                }
            }
            p.hint { "Their hashes stay in the manifest; " code { (DELETED_FILE) } " names each." }
        }
    }
}
