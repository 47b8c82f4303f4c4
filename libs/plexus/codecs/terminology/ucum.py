"""UCUM expressions: what is one, and what it is made of (The Unified Code for Units of Measure 2.2).

Case-sensitive codes only. An expression is products and quotients of units with prefix, exponent
and annotation: `mg/dL`, `10*3/uL`, `mL/min/{1.73_m2}`, `mm[Hg]`. The unit atoms are UCUM's tables 1 to
22; nothing here converts between units. Neighbour: `units`, what laboratories write instead.
"""

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Factor", "factors", "is_ucum"]

_PREFIX_NAMES = "Y Z E P T G M k h da d c m u n p f a z y Ki Mi Gi Ti"
_PREFIXES = frozenset(_PREFIX_NAMES.split())

_METRIC_NAMES = """
m s g rad K C cd
mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv
l L ar t bar u eV pc [c] [h] [k] [eps_0] [mu_0] [e] [m_e] [m_p] [G] [g] [ly] gf
Ky Gal dyn erg P Bi St Mx G Oe Gb sb Lmb ph Ci R RAD REM
cal_[15] cal_[20] cal_m cal_IT cal_th cal tex m[H2O] m[Hg] eq osm g% kat U [iU] [IU]
Np B B[SPL] B[V] B[mV] B[uV] B[10.nV] B[W] B[kW] st mho bit By Bd
"""
_METRIC = frozenset(_METRIC_NAMES.split())

_OTHER_NAMES = """
10* 10^ [pi] % [ppth] [ppm] [ppb] [pptr] gon deg ' '' min h d a_t a_j a_g a wk mo_s mo_j mo_g mo
AU atm [lbf_av]
[in_i] [ft_i] [yd_i] [mi_i] [fth_i] [nmi_i] [kn_i] [sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [cyd_i]
[bf_i] [cr_i] [mil_i] [cml_i] [hd_i]
[ft_us] [yd_us] [in_us] [rd_us] [ch_us] [lk_us] [rch_us] [rlk_us] [fth_us] [fur_us] [mi_us]
[acr_us] [srd_us] [smi_us] [sct] [twp] [mil_us]
[in_br] [ft_br] [rd_br] [ch_br] [lk_br] [fth_br] [pc_br] [yd_br] [mi_br] [nmi_br] [kn_br] [acr_br]
[gal_us] [bbl_us] [qt_us] [pt_us] [gil_us] [foz_us] [fdr_us] [min_us] [crd_us] [bu_us] [gal_wi]
[pk_us] [dqt_us] [dpt_us] [tbs_us] [tsp_us] [cup_us] [foz_m] [cup_m] [tsp_m] [tbs_m]
[gal_br] [pk_br] [bu_br] [qt_br] [pt_br] [gil_br] [foz_br] [fdr_br] [min_br]
[gr] [lb_av] [oz_av] [dr_av] [scwt_av] [lcwt_av] [ston_av] [lton_av] [stone_av]
[pwt_tr] [oz_tr] [lb_tr] [sc_ap] [dr_ap] [oz_ap] [lb_ap] [oz_m]
[lne] [pnt] [pca] [pnt_pr] [pca_pr] [pied] [pouce] [ligne] [didot] [cicero]
[degF] [degR] [degRe] [Cal] [Btu_39] [Btu_59] [Btu_60] [Btu_m] [Btu_IT] [Btu_th] [Btu] [HP] [den]
[in_i'H2O] [in_i'Hg] [PRU] [wood'U] [diop] [p'diop] %[slope] [mesh_i] [Ch] [drp] [hnsf'U] [MET]
[hp'_X] [hp'_C] [hp'_M] [hp'_Q] [hp_X] [hp_C] [hp_M] [hp_Q] [kp_X] [kp_C] [kp_M] [kp_Q]
[pH] [S] [HPF] [LPF] [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U] [beth'U] [anti'Xa'U] [todd'U]
[dye'U] [smgy'U] [bdsk'U] [ka'U] [knk'U] [mclg'U] [tb'U] [CCID_50] [TCID_50] [EID_50]
[PFU] [FFU] [CFU] [IR] [BAU] [AU] [Amb'a'1'U] [PNU] [Lf] [D'ag'U] [FEU] [ELU] [EU]
Ao b att [psi] circ sph [car_m] [car_Au] [smoot] [m/s2/Hz^(1/2)] [NTU] [FNU] bit_s
"""
_OTHER = frozenset(_OTHER_NAMES.split())

_LONGEST = 128
# Annotations are for people; they may hold anything printable but blanks and braces.
_TOKEN = re.compile(r"[./()]|\{[!-z|~]+\}|(?:\[[^\[\]{}\s]+\]|[^\[\]{}()./\s])+", re.ASCII)
_WORD = re.compile(
    r"(?P<symbol>10[*^]|(?:\[[^\]]+\]|[^0-9+\-\[\]])+)(?P<exponent>[+-]?[0-9]{1,3})?|[0-9]{1,9}",
    re.ASCII,
)


class Factor(NamedTuple):
    """One part of an expression.

    Attributes:
        text: as it stands there, without its annotation.
        prefix: of the unit, or empty.
        atom: the unit; empty for a plain number or an annotation that stands alone.
        is_divisor: it stands below the line.
    """

    text: str
    prefix: str
    atom: str
    is_divisor: bool


def is_ucum(expression: str) -> bool:
    """True where it is a UCUM expression."""
    return factors(expression) is not None


@lru_cache(maxsize=2048)
def factors(expression: str) -> tuple[Factor, ...] | None:
    """The parts of an expression in their order; None where it is no UCUM expression."""
    if not 0 < len(expression) <= _LONGEST:
        return None
    tokens = _TOKEN.findall(expression)
    if "".join(tokens) != expression:
        return None
    reader = _Reader(tokens)
    return tuple(reader.found) if reader.reads_all() else None


class _Reader:
    """Reads the grammar of UCUM §§4-12: `main = ["/"] term; term = component {("." | "/") component}`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self.found: list[Factor] = []

    def reads_all(self) -> bool:
        is_divisor = self._takes("/")
        return self._term(is_divisor, is_below=False) and self._at == len(self._tokens)

    def _term(self, is_divisor: bool, *, is_below: bool) -> bool:
        if not self._component(is_divisor != is_below):
            return False
        while self._at < len(self._tokens) and self._tokens[self._at] in {".", "/"}:
            is_divisor = self._tokens[self._at] == "/"
            self._at += 1
            if not self._component(is_divisor != is_below):
                return False
        return True

    def _component(self, is_divisor: bool) -> bool:
        if self._takes("("):
            leads = self._takes("/")
            if not self._term(leads, is_below=is_divisor) or not self._takes(")"):
                return False
            self._skip_annotation()
            return True
        token = self._tokens[self._at] if self._at < len(self._tokens) else "/"
        self._at += 1
        if token.startswith("{"):
            self.found.append(Factor("", "", "", is_divisor))
            return True
        word = _WORD.fullmatch(token)
        if word is None:
            return False
        prefix = atom = ""
        if symbol := word["symbol"]:
            split = _split(symbol)
            if split is None:
                return False
            prefix, atom = split
        self.found.append(Factor(token, prefix, atom, is_divisor))
        self._skip_annotation()
        return True

    def _skip_annotation(self) -> None:
        if self._at < len(self._tokens) and self._tokens[self._at].startswith("{"):
            self._at += 1

    def _takes(self, token: str) -> bool:
        is_next = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += is_next
        return is_next


def _split(symbol: str) -> tuple[str, str] | None:
    """Prefix and atom of a symbol; None where there is no such unit."""
    if symbol in _METRIC or symbol in _OTHER:
        return "", symbol
    for length in (1, 2):
        prefix, atom = symbol[:length], symbol[length:]
        if prefix in _PREFIXES and atom in _METRIC:
            return prefix, atom
    return None
