"""The 8-bit floats against torch's casts, with the differences that docs/special_values.md names and no others."""

import numpy
import torch

from codes import beside, common_inputs, decode, encode, equal

FORMATS = {
    "e4m3": torch.float8_e4m3fn,
    "e5m2": torch.float8_e5m2,
    "e4m3fnuz": torch.float8_e4m3fnuz,
    "e5m2fnuz": torch.float8_e5m2fnuz,
    "e8m0": torch.float8_e8m0fnu,
}
compared = 0
for name, dtype in FORMATS.items():
    codes = torch.arange(256, dtype=torch.uint8)
    theirs = codes.view(dtype).to(torch.float32).numpy()
    mine = decode(name)
    nan = numpy.isnan(theirs)
    equal(f"{name}: which codes are NaN", numpy.isnan(mine), nan)
    equal(f"{name}: values", mine.view(numpy.uint32)[~nan], theirs.view(numpy.uint32)[~nan])

    values = numpy.unique(theirs[~nan & numpy.isfinite(theirs)])
    x = numpy.concatenate([common_inputs(), beside(values), beside((values[1:] + values[:-1]) / numpy.float32(2))])
    theirs = torch.from_numpy(x).to(dtype).view(torch.uint8).numpy().astype(numpy.uint16)
    nan = numpy.isnan(x)
    mode = "propagate"
    if name == "e4m3":
        mode = "saturate"  # infinities too
    if name == "e5m2":
        assert ((theirs[nan] & 0x7F) == 0x7F).all()
        theirs[nan] -= 1
    if name == "e8m0":
        # Without a sign: numbers as their magnitudes, zero to the smallest power. NaN for us, in this mode.
        signed = (x <= 0) | numpy.signbit(x)
        mirrored = torch.from_numpy(numpy.abs(x[signed])).to(dtype).view(torch.uint8).numpy()
        equal("e8m0: numbers without their sign", theirs[signed], mirrored.astype(numpy.uint16))
        theirs[signed] = 0xFF
        between = (x > 2.0**-127) & (x < 1.5 * 2.0**-127)
        assert (theirs[between] == 1).all()
        theirs[between] = 0
    equal(f"{name}, {mode}", encode(name, x, "nearest_even", mode), theirs, x)
    compared += len(x)
print(f"{len(FORMATS)} formats, {compared} codes compared with torch {torch.__version__}")
