/**
 * Shares a total out by weight in whole numbers, none above `most`; what the weighted cannot take, those of weight 0
 * get.
 *
 * Returns one number for each weight; their sum is the total, or as much of it as fits.
 */
export function allotmentOf(total: number, weights: readonly number[], most: number): number[] {
  const shares = weights.map(() => 0);
  const order = weights
    .map((weight, index) => ({ weight, index }))
    .toSorted((a, b) => b.weight - a.weight || a.index - b.index);
  let left = Math.min(total, most * weights.length);
  let weightLeft = weights.reduce((sum, weight) => sum + weight, 0);
  // Heaviest first: what is above a limit falls to all that come after.
  for (const { weight, index } of order) {
    if (weightLeft <= 0) break;
    const share = Math.min(most, Math.round((left * weight) / weightLeft));
    shares[index] = share;
    left -= share;
    weightLeft -= weight;
  }
  for (const { index } of order.toReversed()) {
    const extra = Math.min(left, most - shares[index]!);
    shares[index]! += extra;
    left -= extra;
  }
  return shares;
}
