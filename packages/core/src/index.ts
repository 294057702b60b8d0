export const placeholderCore = "@uniflow/core"
