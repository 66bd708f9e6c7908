"""What the tables do not keep of the lines: everything that erased users sent, and the last bits of IP addresses."""

from dataclasses import dataclass, replace

from spark_jobs.judging.erased_lines import without_erased
from spark_jobs.judging.judge_lines import Judged
from spark_jobs.judging.truncated_addresses import without_addresses


@dataclass(frozen=True, kw_only=True)
class Privacy:
    """The hashes of users whose lines are refused, and whether IP addresses are kept whole."""

    erased: frozenset[str] = frozenset()
    keep_ip_addresses: bool = False

    def applied_to(self, judged: Judged) -> Judged:
        """Return what may be kept of judged lines; each is still one received or one rejected row."""
        received, rejected = judged.received, judged.rejected
        if self.erased:
            received, rejected = without_erased(received, rejected, self.erased)
        if not self.keep_ip_addresses:
            received, rejected = without_addresses(received, rejected)
        return replace(judged, received=received, rejected=rejected)
