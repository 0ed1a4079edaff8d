//! Where a text names interfaces, so that one which a host does not have can be shown there.

use super::Resolver;
use crate::config::draft::{GroupDraft, InstanceDraft, RuleDraft, SurroundingsDraft, TrackDraft, TrackKind};
use crate::config::interfaces::remark_on_slip;
use crate::config::source::Spanned;
use crate::model::Route;

impl Resolver<'_> {
    /// Takes note of those that are more than the value of a word: these are noted as they are read.
    pub(super) fn note_interfaces(
        &mut self,
        instances: &[InstanceDraft],
        groups: &[GroupDraft],
        surroundings: &SurroundingsDraft,
    ) {
        for instance in instances {
            self.note_tracks(&instance.tracks);
            self.note_ways(&instance.routes, &instance.rules);
        }
        for group in groups {
            self.note_tracks(&group.tracks);
        }
        self.note_ways(&surroundings.routes, &surroundings.rules);
    }

    fn note_tracks(&mut self, tracks: &[TrackDraft]) {
        for track in tracks.iter().filter(|track| track.kind == TrackKind::Interface) {
            self.report.note_interface(&track.name.value, track.name.span);
            self.report.add_if(remark_on_slip(&track.name.value, track.name.span));
        }
    }

    fn note_ways(&mut self, routes: &[Spanned<Route>], rules: &[RuleDraft]) {
        for Spanned { value: route, span } in routes {
            for name in route.hops.iter().filter_map(|hop| hop.interface.as_ref()).chain(&route.vrf) {
                self.report.note_interface(name, *span);
            }
        }
        for RuleDraft { rule, span, .. } in rules {
            for name in rule.input.iter().chain(&rule.output) {
                self.report.note_interface(name, *span);
            }
        }
    }
}
