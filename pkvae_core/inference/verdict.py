"""What was found when we asked whether a model may speak about a patient: one verdict, and a sentence for each reason."""

from dataclasses import dataclass

IN_DOMAIN, CAUTION, OUT, REFUSED = "in domain", "caution", "out", "refused"
VERDICTS = (IN_DOMAIN, CAUTION, OUT, REFUSED)  # from nothing to say, to nobody answers

BANNERS = {
    OUT: "This patient lies outside what PKVAE has learned. Classical MAP-Bayes answers in its place, averaged over the drug's published models.",
    REFUSED: "Nobody answers for this patient, and no regimen is recommended.",
}


@dataclass(frozen=True)
class Reason:
    """One finding: what was looked at (`check`), how grave it is, the sentence that says it with its number, and that number."""

    check: str
    verdict: str
    sentence: str
    value: float


@dataclass(frozen=True)
class Entitlement:
    """May the model speak about this patient? `reasons` holds what speaks against it, the gravest first; `measured` every number that was looked at.

    "in domain" and "caution": the model answers. "out": classical MAP-Bayes answers, under a banner. "refused": nobody does.
    """

    reasons: tuple[Reason, ...] = ()
    measured: tuple[tuple[str, float], ...] = ()

    @property
    def verdict(self) -> str:
        return max((reason.verdict for reason in self.reasons), key=VERDICTS.index, default=IN_DOMAIN)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Why, in words: the reasons that decide the verdict."""
        return tuple(reason.sentence for reason in self.reasons if reason.verdict == self.verdict)

    @property
    def banner(self) -> str:
        """What stands above an answer that is not the model's, or in place of any; "" where the model answers."""
        return " ".join((BANNERS[self.verdict], *self.sentences)) if self.verdict in BANNERS else ""

    def with_reason(self, reason: Reason) -> "Entitlement":
        """With one reason more, the gravest still first."""
        return Entitlement(tuple(sorted((*self.reasons, reason), key=lambda r: -VERDICTS.index(r.verdict))), self.measured)
