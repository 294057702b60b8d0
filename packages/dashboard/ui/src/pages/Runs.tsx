export const Runs = () => <p>Runs</p>
