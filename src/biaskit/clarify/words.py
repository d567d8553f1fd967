"""Words: what each of Clarify's metrics says, for people who do not know them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MEANINGS"]

#: Meaning of each metric; ``{group}`` stands for the group that is compared with all other rows.
MEANINGS: Mapping[str, str] = {
    "AD": "Above 0, the model is right less often about {group} than about all others.",
    "CDDL": (
        "Above 0, {group} has a larger share of the other outcomes than of the desirable one, "
        "within the groups of the group variable."
    ),
    "CDDPL": (
        "Above 0, {group} has a larger share of the other predictions than of the desirable one, "
        "within the groups of the group variable."
    ),
    "CI": "Above 0, there are fewer rows of {group} than of all others; at 1, there are none.",
    "DAR": (
        "Above 0, of those predicted to have the desirable outcome, a smaller share of {group} "
        "than of all others really has it."
    ),
    "DCA": (
        "Below 0, for each desirable prediction there are more desirable outcomes in {group} than "
        "among all others: the model gives {group} too few desirable predictions."
    ),
    "DCR": (
        "Below 0, for each other prediction there are fewer other outcomes in {group} than among "
        "all others: the model gives {group} too many of the other predictions."
    ),
    "DI": (
        "The share of {group} that is predicted to have the desirable outcome, divided by that of "
        "all others: 1 is parity, and US employment guidelines ask for 0.8 or more."
    ),
    "DPL": "Above 0, a smaller share of {group} than of all others has the desirable outcome.",
    "DPPL": (
        "Above 0, a smaller share of {group} than of all others is predicted to have the desirable "
        "outcome."
    ),
    "DRR": (
        "Below 0, of those predicted to have another outcome, a smaller share of {group} than of "
        "all others really has it: more of {group} are rejected wrongly."
    ),
    "FT": (
        "Below 0, members of {group} more often get another prediction than the most similar of "
        "all others do; above 0, they more often get the desirable one."
    ),
    "GE": (
        "How unequally the model's mistakes favour some rows over others, {group} and all others "
        "together; at 0, none are favoured."
    ),
    "JS": (
        "How different the outcomes of {group} and of all others are; at 0, they are distributed "
        "alike."
    ),
    "KL": (
        "How different the outcomes of {group} and of all others are, counted from all others; at "
        "0, they are distributed alike."
    ),
    "KS": "The largest difference in the share of any one outcome; at 0, there is none.",
    "LP": (
        "The differences in the shares of all outcomes as one length, the root of the sum of their "
        "squares; at 0, there is none."
    ),
    "RD": (
        "Above 0, of those who have the desirable outcome, a smaller share of {group} than of all "
        "others is predicted to have it."
    ),
    "SD": (
        "Above 0, of those who have another outcome, a larger share of {group} than of all others "
        "is predicted to have it: more of all others are accepted though they should not be."
    ),
    "TE": (
        "Wrong rejections for each wrong acceptance, those of {group} less those of all others; "
        "above 0, mistakes about {group} are more often rejections."
    ),
    "TVD": (
        "The share of rows that would need another outcome for {group} and all others to be alike; "
        "at 0, they are."
    ),
}
