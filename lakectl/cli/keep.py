"""Keeping a lake whole: doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lakectl.cli import output
from lakectl.cli.options import confirm, open_lake, output_option, yes_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from catalog.doctor.findings import Report
    from catalog.doctor.repairing import Step

_SIGNS = {"damage": "✖", "wrong": "✖", "risk": "▲", "litter": "·", "note": "·"}
_ROUNDS = 4  # what is broken may hide what else is
_MOST = 200  # findings that a person is shown


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--verify", is_flag=True, help="Read every byte and compare checksums.")
@click.option("--repair", is_flag=True, help="Mend what can be mended, after asking.")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="HOURS",
    default=24.0,
    show_default=True,
    help="Leave younger files of unknown origin alone.",
)
@yes_option
@output_option
@click.pass_context
def doctor(
    ctx: click.Context, /, names: tuple[str, ...], output_form: str | None, **given: Any
) -> None:
    """Check that the lake, or the datasets NAME, hold what was promised.

    Every version is followed from its pointer down to its data files, and held against the disk
    and our tables; files that nothing refers to are listed. Nothing is changed without --repair.
    Leaves with 7 when something is wrong.
    """
    lake = open_lake(ctx)
    seen = lake.doctor(*names, verify=given["verify"])
    report = seen.report
    as_json = output_form in {"json", "jsonl"}
    done: list[str] = []
    for _ in range(_ROUNDS if given["repair"] else 0):
        steps = lake.repairs(seen, older_than=given["older_than"] * 3600)
        if not steps:
            break
        _tell(report, output.note)
        for step in steps:
            output.note(f"→ {step.sentence}")
        confirm(f"Do {'this' if len(steps) == 1 else f'these {len(steps)} things'}?", given["yes"])
        mended = _do_all(steps)
        done += mended
        seen = lake.doctor(*names, verify=given["verify"])
        report = seen.report
        if not mended:
            break
    if as_json:
        output.print_json(report.to_json() | ({"repaired": done} if given["repair"] else {}))
    else:
        _tell(report, output.say)
    if not report.is_sound:
        ctx.exit(7)


def _do_all(steps: Sequence[Step]) -> list[str]:
    """Do every step; one that cannot be done does not keep the others from it."""
    from catalog.errors import LakeError

    done = []
    for step in steps:
        try:
            done.append(step.do())
            output.note(f"✔ {done[-1]}")
        except LakeError as error:
            output.note(f"✖ {error.message}")
    return done


def _tell(report: Report, say: Callable[[str], None]) -> None:
    from screens.text import count, plural, size

    for finding in report.findings[:_MOST]:
        say(f"{_SIGNS[finding.severity]} {finding.severity:<7} {finding.message}")
        if finding.remedy:
            say(f"          {finding.remedy}")
    if len(report.findings) > _MOST:
        say(f"… and {count(len(report.findings) - _MOST)} more; -o json lists all.")
    how = "sizes were compared, bytes with --verify"
    if report.verified:
        how = "every byte was compared"
        if report.unknown:
            how += f" but those of {plural(report.unknown, 'file')} without a known checksum, "
            how += "which can be read; --repair notes it"
    looked = (
        f"{plural(report.datasets, 'dataset')}, {plural(report.files, 'file')}, "
        f"{size(report.bytes)}; {how}."
    )
    state = "The lake is sound" if report.is_sound else "The lake is not sound"
    say(f"{state}: {looked}")
