"""docs/queries.md → the queries that people find in Athena under *Saved queries*."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aws_cdk import aws_athena as athena
from constructs import Construct

PAGE: Final = Path(__file__).parents[1] / "docs" / "queries.md"
_SECTION: Final = re.compile(
    r"^## (?P<name>.+?)\n\n(?P<text>.*?)\n\n```sql\n(?P<sql>.+?)^```$", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"\[([^]]+)\]\([^)]+\)")
#: Athena's limit for a description.
_DESCRIPTION: Final = 1_024


@dataclass(frozen=True, kw_only=True)
class NamedQuery:
    """A section of the page: its title, what stands above its SQL, and the SQL."""

    name: str
    description: str
    sql: str


def named_queries(page: str) -> Iterator[NamedQuery]:
    """Yield the sections of the page that begin with a query."""
    for found in _SECTION.finditer(page):
        text = " ".join(_LINK.sub(r"\1", found["text"]).split())
        yield NamedQuery(name=found["name"], description=text[:_DESCRIPTION], sql=found["sql"])


class NamedQueries(Construct):
    """The page's queries, in one workgroup and database."""

    def __init__(self, scope: Construct, construct_id: str, *, workgroup: athena.CfnWorkGroup, database: str) -> None:
        super().__init__(scope, construct_id)
        for query in named_queries(PAGE.read_text(encoding="utf-8")):
            named = athena.CfnNamedQuery(
                self,
                "".join(word.capitalize() for word in re.findall(r"\w+", query.name)),
                name=query.name,
                description=query.description,
                query_string=query.sql,
                database=database,
                work_group=workgroup.name,
            )
            named.add_resource_dependency(workgroup)
