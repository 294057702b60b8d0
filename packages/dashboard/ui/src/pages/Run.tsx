export const RunPage = () => <p>RunPage</p>
