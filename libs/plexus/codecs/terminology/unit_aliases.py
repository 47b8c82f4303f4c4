"""The words of `units`: what senders write for a unit, and the UCUM expression that they mean.

Collected from what HL7 v2 feeds carry and from the display names that LOINC's users know. An alias
must have one meaning: what has two is left out, or stands in `ALIASES` with an empty meaning where
UCUM would read it as something else.
"""

__all__ = ["ALIASES", "COUNTS", "DIVISORS", "FOLDED", "MEASURES", "VOLUMES"]


def _read(rows: str) -> dict[str, str]:
    """Rows of `code  alias | alias | alias`; a code of `-` is the empty meaning."""
    found: dict[str, str] = {}
    for row in rows.strip().splitlines():
        code, _, words = row.partition("  ")
        for word in words.split(" | "):
            assert word.strip() not in found, word
            found[word.strip()] = "" if code == "-" else code
    return found


# As written, case and all. They go before UCUM, which would read many of them otherwise.
ALIASES = _read("""
-  G/L | g/l/g | M | MM | mM/L | U | u | IU/U | A | C | F | K | N | R | S | T | P | H
[pH]  pH | PH
[ft_i]  ft
{s_co_ratio}  S/CO | s/co | S/Co
10*12/L  T/L | T/l | Tpt/l | Tpt/L
10*9/L  Gpt/l | Gpt/L
mmol/L  mM
umol/L  uM
nmol/L  nM
{#}  #
{#}/uL  #/uL
{AU}/mL  AU/mL | AU/ml
mg  MG
pg  PG
mL  ML | cc | CC
dL  DL
g/dL  gm% | GM%
mU/L  mU/L | mU/l
mU/mL  mU/mL | mU/ml
uU/mL  uU/mL | uU/ml | mcU/mL
""")

# In lower case and without blanks.
FOLDED = _read("""
mm[Hg]  mmhg | mm(hg) | mm[hg] | torr | mmofhg | mmofmercury
cm[H2O]  cmh2o | cm[h2o] | cmofh2o | cmwater
[psi]  psi
kPa  kpa
s  sec | secs | second | seconds
ms  msec | msecs | millisecond | milliseconds
min  mins | minute | minutes
h  hr | hrs | hour | hours
d  day | days
wk  week | weeks | wks
mo  month | months | mos
a  yr | yrs | year | years
Cel  degc | °c | celsius | degreescelsius | degreesc | cel | deg.c
[degF]  degf | °f | fahrenheit | degreesfahrenheit | degreesf | [degf] | deg.f
deg  degree | degrees | °
[in_i]  in | inch | inches | [in_i] | [in_us]
[ft_i]  feet | foot
[lb_av]  lb | lbs | pound | pounds | [lb_av]
kg  kg | kgs | kilo | kilos | kilogram | kilograms
g  gm | gms | gram | grams
mg  mg | mgs | milligram | milligrams
ug  mcg | mcgs | microgram | micrograms | ug
ng  ng | nanogram | nanograms
m  meter | meters | metre | metres
cm  cm | cms | centimeter | centimeters | centimetre | centimetres
mm  millimeter | millimeters | millimetre | millimetres
m2  m^2 | sqm | sq.m | m**2
cm2  cm^2 | sqcm | cm**2
L  liter | liters | litre | litres
mL  ml | mls | milliliter | milliliters | millilitre | millilitres
uL  mcl | microliter | microliters
fL  fl | femtoliter | femtoliters
pg  picogram | picograms
mmol  mmol | mmols | millimole | millimoles
umol  umol | mcmol
nmol  nmol
pmol  pmol
meq  meq | meqs | milliequivalent | milliequivalents
[IU]  iu | internationalunit | internationalunits | int'lunits
{units}  unit | units
%  percent | pct | [%] | %oftotal
%{total}  %total
{ratio}  ratio
{index}  index | indexvalue | index_val
{EIA_index}  eiaindex
{EIA_units}  eiaunit | eiaunits | eiau
{titer}  titer | titre
{score}  score
{INR}  inr
{COI}  coi
{S/CO}  s/coratio
{MoM}  mom
{copies}  copies
{beats}/min  bpm | beats/min | beats/minute | beatsperminute | beat/min | {beats}/min | b/min | hb/min
{breaths}/min  breaths/min | breaths/minute | breathsperminute | br/min | resp/min | brpm | breath/min
/min  permin | perminute
/[HPF]  /hpf | perhpf | #/hpf | /highpowerfield | [hpf]/hpf
/[LPF]  /lpf | perlpf | #/lpf | /lowpowerfield
{cells}/[HPF]  cells/hpf | cell/hpf
{RBC}/[HPF]  rbc/hpf | rbcs/hpf
{WBC}/[HPF]  wbc/hpf | wbcs/hpf
/100{WBC}  /100wbc | /100wbcs | per100wbc | nrbc/100wbc | /100leukocytes | #/100wbc
{copies}/mL  copies/ml | cop/ml | copy/ml | cps/ml | {copies}/ml
{Log_copies}/mL  logcopies/ml | logcop/ml | log10copies/ml | log(copies)/ml
{Log_IU}/mL  logiu/ml | log10iu/ml | log(iu)/ml
[CFU]/mL  cfu/ml | colonies/ml | cfu/milliliter
[CFU]  cfu
{EIA_units}/mL  eiaunits/ml
{cells}  cells
{cells}/uL  cells/ul | cells/mcl | cell/ul | cells/cumm | cells/mm3 | cell/mcl | cells/cmm
{cells}/L  cells/l
{cells}/mL  cells/ml
L/min  lpm | liters/min | liter/min
mL/min/{1.73_m2}  ml/min/1.73m2 | ml/min/1.73m^2 | ml/min/1.73sqm | ml/min/1.73 | ml/min/1.73sq.m | ml/min/1.73m*2 | ml/min/{1.73_m2} | ml/min/1.73_m2 | ml/min/bsa
kg/m2  kg/m^2 | kg/sqm | kg/m**2
mmol/mol{creat}  mmol/molcreat | mmol/molcr | mmol/molcrea
mg/g{creat}  mg/gcreat | mg/gcr | mg/gcrea | mg/gcreatinine | mgalb/gcreat
mg/mmol{creat}  mg/mmolcreat | mg/mmolcr | mg/mmolcrea | mg/mmolcreatinine
ug/mg{creat}  ug/mgcreat | mcg/mgcreat | ug/mgcr | mcg/mgcr
ug/g{creat}  ug/gcreat | mcg/gcreat | ug/gcr | mcg/gcr
ng{FEU}/mL  ng/mlfeu | ngfeu/ml | ng/ml(feu) | ng/mlf.e.u.
ug{FEU}/mL  ug/mlfeu | mcg/mlfeu | ugfeu/ml | mcgfeu/ml | ug/ml(feu)
mg{FEU}/L  mg/lfeu | mgfeu/l | mg/l(feu)
ng{DDU}/mL  ng/mlddu | ngddu/ml | ng/mld-du
[GPL'U]  gpl | gplu | gplunits | gplu/ml | gpl/ml
[MPL'U]  mpl | mplu | mplunits | mplu/ml | mpl/ml
[APL'U]  apl | aplu | aplunits | aplu/ml | apl/ml
[beth'U]  bethesdaunit | bethesdaunits
mg%  mgpercent
mosm/kg  mosmol/kg | mosm/kg | mosm/kgh2o | mosmol/kgh2o | mosm/kg(h2o)
mosm/L  mosmol/l | mosm/l
[drp]  gtt | gtts | drop | drops
{tablet}  tablet | tablets | tab | tabs
{capsule}  capsule | capsules | cap | caps
{puff}  puff | puffs
{spray}  spray | sprays
{patch}  patch | patches
{dose}  dose | doses
[gr]  grain | grains
uSv  usv | microsievert
kcal  kilocalorie | kilocalories
[diop]  diopter | diopters | dioptre | dioptres
""")

# A power of ten before a volume: K/uL, Mill/mcL. Not m, mil and mill: thousand for some.
COUNTS = _read("""
10*3  K | k | th | thou | thousand | thousands | 1000 | thous | ths | tsd
10*6  M | million | millions | mio
""")

# What is measured, above the line; in lower case and without blanks.
MEASURES = _read("""
g  g | gm | gms | gram | grams
mg  mg | mgm | mgs
ug  ug | mcg
ng  ng
pg  pg
fg  fg
kg  kg
mol  mol
mmol  mmol | mmols
umol  umol | mcmol
nmol  nmol
pmol  pmol
fmol  fmol
eq  eq
meq  meq
ueq  ueq | mceq
mosm  mosm | mosmol
[IU]  iu | i.u. | intl.units
m[IU]  miu
u[IU]  uiu | mciu | microiu
k[IU]  kiu
U  u | enzymeunits
{units}  units | unit
ukat  ukat
nkat  nkat
mL  ml | cc | mls
uL  ul | mcl
L  l
dL  dl
mm  mm
cm  cm
%  %
{copies}  copies
{cells}  cells | cell
{beats}  beats
{breaths}  breaths
{RBC}  rbc
{#}  #
mCi  mci
kcal  kcal
dyn  dyne | dynes
""")

VOLUMES = frozenset({"L", "dL", "mL", "uL", "nL", "pL", "fL", "mm3"})

# Below the line; in lower case and without blanks.
DIVISORS = _read("""
L  l | liter | litre | ltr | lt
dL  dl | 100ml | deciliter
mL  ml | cc | milliliter
uL  ul | mcl | microliter
nL  nl
pL  pl
fL  fl
mm3  mm3 | cumm | cmm | cu.mm
kg  kg | kgbw | kgbodyweight
g  g | gm | gram
mg  mg
mol  mol
mmol  mmol
m2  m2 | sqm | bsa
s  s | sec | second
min  min | minute
h  h | hr | hour | 1h | 1hr | hrs
(24.h)  24h | 24hr | 24hrs | 24hours | 24hour
d  d | day
wk  wk | week
{dose}  dose
[HPF]  hpf
[LPF]  lpf
g{Hb}  ghb | ghgb | ghemoglobin
g{creat}  gcreat | gcr | gcrea | gcreatinine
mg{creat}  mgcreat | mgcr
mmol{creat}  mmolcreat | mmolcr | mmolcrea
mol{creat}  molcreat | molcr
10*6{cells}  10^6cells | 10*6cells
10*10{RBC}  10^10rbc
""")
