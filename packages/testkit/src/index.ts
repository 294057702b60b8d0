export const placeholderTestkit = "@uniflow/testkit"
