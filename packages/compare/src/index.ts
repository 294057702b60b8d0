export const placeholderCompare = "@uniflow/compare"
